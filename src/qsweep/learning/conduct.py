"""What an environment does that seeds do not control: found by playing it, once in a process.

A run promises that its seed repeats it, and an evaluation that each of its episodes stands for itself.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import lru_cache

import numpy as np

from qsweep.environments.guarded import GuardedEnv
from qsweep.environments.resolved import Resolved, Setting
from qsweep.errors import Failure, UsageError
from qsweep.seeds import random_play

STEPS, EPISODE, SECONDS = 100, 40, 2.0
"""Random steps that are compared, the maximum number between two resets, and the time after which it ends."""
UNSEEDED = "it ignores reset(seed=...): the same seed gives other results, so no run of it can be repeated"
STATEFUL = (
    "it keeps state across episodes: the same seed gives other results later on, so scores depend on the"
    " episodes before"
)
Results = list[tuple[list[float], float, bool, bool]]


def conduct(run: Resolved) -> tuple[str, ...]:
    """Return what an environment does against Gymnasium's promises, in words; nothing for a compiled twin."""
    if run.twin:
        return ()
    return tuple(f"{run.env.id}: {found}" for found in _conduct(_Key(run)))


class _Key:
    """A setting, equal to another one of the same environment."""

    def __init__(self, setting: Setting) -> None:
        self.setting, self._text = setting, repr(setting.env)

    def __hash__(self) -> int:
        return hash(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other._text == self._text


@lru_cache(maxsize=256)
def _conduct(key: _Key) -> tuple[str, ...]:
    setting, (seed, _) = key.setting, random_play()
    deadline = time.monotonic() + SECONDS
    with ExitStack() as stack:
        try:
            one = stack.enter_context(setting.open())
            first = _play(setting, one, seed, deadline)
            again = _play(setting, one, seed, deadline)
            other = _play(setting, stack.enter_context(setting.open()), seed, deadline)
        except (Failure, UsageError):  # a second copy may be impossible; the run itself says what is wrong
            return ()
    if _differ(first, other):
        return (UNSEEDED,)
    return (STATEFUL,) if _differ(first, again) else ()


def _play(setting: Setting, env: GuardedEnv, seed: int, deadline: float) -> Results:
    """Return the results of the same random actions, from a seed."""
    about, actions = setting.description, np.random.default_rng(seed)
    results: Results = [(env.reset(seed), 0.0, False, False)]
    for number in range(1, STEPS + 1):
        if time.monotonic() > deadline:
            break
        results.append(env.step(int(actions.integers(about.actions)) + about.first_action))
        if results[-1][2] or results[-1][3] or number % EPISODE == 0:
            results.append((env.reset(), 0.0, False, False))
    return results


def _differ(one: Results, other: Results) -> bool:
    """Return whether results differ, as far as both go."""
    return any(a != b for a, b in zip(one, other, strict=False))
