"""The choice of the compiled twin that replaces an environment."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import closing
from functools import lru_cache
from typing import Any

import numpy as np

from qsweep.config import Env
from qsweep.environments.description import Description, is_bare, make
from qsweep.environments.twins import named_twin
from qsweep.environments.twins.pcg64 import stream
from qsweep.environments.twins.twin import Twin

TRIAL_STEPS, TRIAL_EPISODE = 300, 40
"""Random steps in which a twin made of transition tables must agree with its environment, and the maximum
number of steps between two resets."""


def twin_of(env: Env, description: Description) -> Twin | None:
    """Return the twin of an environment, its own or one made of its transition tables; None without either.

    A twin of tables is used only if no wrapper changes the environment and both agree for `TRIAL_STEPS`
    random steps from each of two seeds, with a new environment for each. This detects environments that
    draw in another way, or whose tables change or are random. Raises UsageError if a package's entry point
    names a twin that cannot be loaded. Does not import numba.
    """
    return _twin_of(dataclasses.replace(env, low=None, high=None, max_steps=None), description)


def follows_tables(env: Env, description: Description) -> bool:
    """Return whether an environment was seen to follow its transition tables: it has a twin made of them."""
    from qsweep.environments.twins import tables

    twin = twin_of(env, description)
    return twin is not None and twin.step is tables.step


@lru_cache(maxsize=32)
def _twin_of(env: Env, description: Description) -> Twin | None:
    if env.actions or env.wrapper:
        return None
    twin = None if env.kwargs else named_twin(env.id)
    return twin or _of_tables(env, description)


def _of_tables(env: Env, description: Description) -> Twin | None:
    from qsweep.environments.twins import tables

    with closing(make(env)) as made:
        inner: Any = made.unwrapped
        try:
            start = inner.initial_state_distrib
            twin = tables.twin(inner.P, np.asarray(start, np.float64).tolist(), description.actions)
            suits = description.first_action == 0 and is_bare(made)
            return twin if suits and all(_agree(env, twin, seed) for seed in (0, 1)) else None
        except (AttributeError, KeyError, IndexError, TypeError, ValueError):
            return None  # there are no tables, or tables of another form


def _agree(env: Env, twin: Twin, seed: int) -> bool:
    """Return whether a new environment and the twin give the same results from a seed."""
    # The products of PCG64 are meant to overflow.
    with closing(make(env)) as made, np.errstate(over="ignore"):
        return all(expected == result for expected, result in _results(made, twin, seed))


def _results(env: Any, twin: Twin, seed: int) -> Iterator[tuple[Any, Any]]:
    """Yield the results of the environment and of the twin for each of some random steps and resets."""
    random, (state, observation) = stream(seed), twin.buffers()
    observed, _ = env.reset(seed=seed)
    twin.reset(random, twin.constants, state, observation)
    yield float(observed), observation[0]
    actions = np.random.default_rng(seed).integers(env.action_space.n, size=TRIAL_STEPS).tolist()
    for number, action in enumerate(actions, 1):
        observed, reward, terminated, truncated, _ = env.step(action)
        result = twin.step(random, twin.constants, state, action, observation)
        yield (float(observed), float(reward), bool(terminated)), (observation[0], *result)
        if terminated or truncated or number % TRIAL_EPISODE == 0:
            observed, _ = env.reset()
            twin.reset(random, twin.constants, state, observation)
            yield float(observed), observation[0]
