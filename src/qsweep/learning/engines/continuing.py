"""Whether, and how, a Gymnasium environment can go on in another process, between two episodes."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import Any

import numpy as np
import numpy.typing as npt

from qsweep.environments.resolved import Setting
from qsweep.seeds import exploring, generator_at, generator_state

EPISODES, STEPS = 3, 100
"""How many episodes, cut after so many steps, are compared."""
Seen = tuple[list[float], float, bool, bool]


def generator_of(env: Any) -> npt.NDArray[np.uint64]:
    """Where the environment's generator stands, uint64[6]."""
    return generator_state(env.unwrapped.np_random)


def continue_at(env: Any, state: npt.NDArray[np.uint64]) -> None:
    """Give a fresh environment a generator that stands where another's stood."""
    env.unwrapped.np_random = generator_at(state)


_trials: dict[str, bool] = {}


def keeps_only_its_generator(setting: Setting) -> bool:
    """Whether a fresh environment with the generator of another one goes on as that one does.

    Tried, as it cannot be known: an environment may keep anything from one episode to the next.
    """
    key = repr(setting.env)
    if key not in _trials:
        _trials[key] = _tried(setting)
    return _trials[key]


def _tried(setting: Setting) -> bool:
    seed, actions = exploring()
    with ExitStack() as stack:
        try:
            old, new = (stack.enter_context(closing(setting.make())) for _ in range(2))
            old.reset(seed=seed)
            _played(setting, old, actions)
            continue_at(new, generator_of(old))
            state = generator_state(actions)
            return _played(setting, old, actions) == _played(setting, new, generator_at(state))
        except Exception:  # no generator of that kind; none beside the one that trains; anything
            return False


def _played(setting: Setting, env: Any, actions: np.random.Generator) -> list[Seen]:
    """What random actions lead to in some episodes."""
    found = setting.description
    seen: list[Seen] = []
    for _ in range(EPISODES):
        observation, _ = env.reset()
        seen.append((found.encode(observation), 0.0, False, False))
        for _ in range(STEPS):
            action = int(actions.integers(found.actions)) + found.first_action
            observation, reward, terminated, truncated, _ = env.step(action)
            seen.append((found.encode(observation), float(reward), bool(terminated), bool(truncated)))
            if terminated or truncated:
                break
    return seen
