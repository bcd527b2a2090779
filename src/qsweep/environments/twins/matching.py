"""The choice of the compiled twin that replaces an environment."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from qsweep.config import Env
from qsweep.environments.description import Description, is_bare, make
from qsweep.environments.failures import EnvironmentFailure, calling, closing
from qsweep.environments.guarded import GuardedEnv, opened
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
    if env.altered:
        return None
    twin = named_twin(env.id)
    return (twin and twin.given(env.kwargs)) or _of_tables(env, description)


def _of_tables(env: Env, description: Description) -> Twin | None:
    from qsweep.environments.twins import tables

    try:
        made = make(env)
    except EnvironmentFailure:  # there is one already, or it fails at times: the run will say so
        return None
    with closing(env.id, made):
        inner: Any = made.unwrapped
        try:
            with calling(env.id, "make"):
                start = np.asarray(inner.initial_state_distrib, np.float64).tolist()
                twin = tables.twin(inner.P, start, description.actions)
            suits = _is_numbered(description, len(start)) and is_bare(made)
            return twin if suits and all(_agree(env, description, twin, seed) for seed in (0, 1)) else None
        except EnvironmentFailure:
            return None  # there are no tables, or tables of another form, or they do not hold


def _is_numbered(description: Description, states: int) -> bool:
    """Return whether observations are the numbers of at least so many states, and actions count from 0."""
    first, *others = description.dimensions
    numbered = not others and first.low == 0 and (first.values or 0) >= states
    return numbered and description.first_action == 0


def _agree(env: Env, description: Description, twin: Twin, seed: int) -> bool:
    """Return whether a new environment and the twin give the same results from a seed."""
    # The products of PCG64 are meant to overflow.
    with opened(env, description) as played, np.errstate(over="ignore"):
        return all(expected == result for expected, result in _results(played, description, twin, seed))


def _results(env: GuardedEnv, description: Description, twin: Twin, seed: int) -> Iterator[tuple[Any, Any]]:
    """Yield the results of the environment and of the twin for each of some random steps and resets."""
    random, (state, observation) = stream(seed), twin.buffers()
    observed = env.reset(seed)
    twin.reset(random, twin.constants, state, observation)
    yield observed, [observation[0]]
    actions = np.random.default_rng(seed).integers(description.actions, size=TRIAL_STEPS).tolist()
    for number, action in enumerate(actions, 1):
        observed, reward, terminated, truncated = env.step(action)
        result = twin.step(random, twin.constants, state, action, observation)
        yield (observed, reward, terminated), ([observation[0]], *result)
        if terminated or truncated or number % TRIAL_EPISODE == 0:
            observed = env.reset()
            twin.reset(random, twin.constants, state, observation)
            yield observed, [observation[0]]
