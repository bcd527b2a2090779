"""What a run needs to know of a Gymnasium environment: dimensions, actions, step limit."""

from __future__ import annotations

import dataclasses
import json
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from qsweep.config import Env
from qsweep.discretizer import Grid
from qsweep.problems import Problem, UsageError

STEP_LIMIT = 10_000
"""Steps per episode where neither the config nor the environment sets a limit."""
UNBOUNDED = 1e30
"""A bound this large is no bound: some environments write the largest float for infinity."""
TABLE_LIMIT = 2**25
"""Values in a Q-table (256 MiB): more is refused rather than left to run out of memory."""


MOST_DIMENSIONS = 32
"""More than any table can hold; image observations are refused by it."""
RESERVED = {
    "max_episode_steps": "is not for env.kwargs: use env.max_steps",
    "render_mode": "is not for training, which draws nothing",
    "disable_env_checker": "is not for env.kwargs: qsweep sets it",
}
"""Arguments of gymnasium.make that have another place."""


@dataclass(frozen=True)
class Dimension:
    """One dimension of an observation: its bounds, and how many values it has if it is discrete."""

    low: float
    high: float
    values: int | None = None


@dataclass(frozen=True)
class Description:
    """An environment as tabular learning sees it.

    encode: observation -> one number per dimension. first_action: what action 0 is called.
    step_limit: the environment's own, in steps, or None.
    """

    dimensions: tuple[Dimension, ...]
    encode: Callable[[Any], list[float]]
    actions: int
    first_action: int
    step_limit: int | None
    id: str


def make(env: Env, max_steps: int | None = None, **more: Any) -> gymnasium.Env[Any, Any]:
    """The Gymnasium environment, with `max_steps` as its time limit where given.

    Raises whatever the environment raises: `describe` turns that into a problem.
    """
    limit = {} if max_steps is None else {"max_episode_steps": max_steps}
    return gymnasium.make(env.id, disable_env_checker=True, **limit, **env.kwargs, **more)


def describe(env: Env) -> Description:
    """Look at the environment's spaces.

    Raises UsageError where it cannot be made or is not tabular.
    """
    return _describe(env.id, json.dumps(env.kwargs, sort_keys=True, default=repr))


@lru_cache(maxsize=32)
def _describe(env_id: str, kwargs: str) -> Description:
    env = Env(id=env_id, kwargs=json.loads(kwargs))
    reserved = [
        Problem(f"env.kwargs.{key}", rule, env.kwargs[key])
        for key, rule in RESERVED.items()
        if key in env.kwargs
    ]
    if reserved:
        raise UsageError(reserved)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters of it is in the refusal
            made = make(env)
    except Exception as error:  # whatever a third party's constructor raises
        raise UsageError([_cannot_make(env, error)]) from error
    try:
        space, actions = made.observation_space, made.action_space
        if not isinstance(actions, spaces.Discrete):
            rule = "must have Discrete actions"
            raise UsageError([Problem("env.id", rule, env_id, f"{env_id} has {actions}")])
        dimensions, encode = _observation(env_id, space)
        limit = made.spec.max_episode_steps if made.spec else None
        full = made.spec.id if made.spec and ":" not in env_id else env_id
        return Description(dimensions, encode, int(actions.n), int(actions.start), limit, full)
    finally:
        made.close()


def _cannot_make(env: Env, error: Exception) -> Problem:
    reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
    if env.kwargs and env.id in gymnasium.registry:
        return Problem("env.kwargs", f"must suit {env.id}", dict(env.kwargs), reason)
    return Problem("env.id", "must be an environment that Gymnasium can make", env.id, reason)


def _observation(
    env_id: str, space: spaces.Space[Any]
) -> tuple[tuple[Dimension, ...], Callable[[Any], list[float]]]:
    match space:
        case spaces.Discrete():
            return (_discrete(int(space.start), int(space.n)),), lambda seen: [float(seen)]
        case spaces.MultiDiscrete():
            counts = zip(space.start.ravel().tolist(), space.nvec.ravel().tolist(), strict=True)
            return tuple(_discrete(start, n) for start, n in counts), _flat
        case spaces.Tuple() if all(isinstance(part, spaces.Discrete) for part in space.spaces):
            parts = [part for part in space.spaces if isinstance(part, spaces.Discrete)]
            return tuple(_discrete(int(part.start), int(part.n)) for part in parts), _flat
        case spaces.Box() if len(space.low.ravel()) <= MOST_DIMENSIONS:
            bounds = zip(_shortest(space.low), _shortest(space.high), strict=True)
            return tuple(Dimension(low, high) for low, high in bounds), _flat
    rule = "must have Discrete, MultiDiscrete, Tuple-of-Discrete or Box observations"
    raise UsageError([Problem("env.id", rule, env_id, f"{env_id} has {space}")])


def _discrete(start: int, n: int) -> Dimension:
    return Dimension(float(start), float(start + n), n)


def _flat(seen: Any) -> list[float]:
    values: list[float] = np.asarray(seen, np.float64).ravel().tolist()
    return values


def _shortest(bounds: Any) -> list[float]:
    """Bounds as a person would write them: float32's 0.6 is 0.6, not 0.6000000238418579."""
    return [float(str(bound)) for bound in np.ravel(bounds)]


def is_standard(env: Env) -> bool:
    """Whether a resolved environment is as it is registered: no arguments, its own step limit if any."""
    limit = describe(env).step_limit
    return not env.kwargs and limit in (None, env.max_steps)


def bounded(env: Env, found: Description) -> tuple[Env, list[Problem]]:
    """`env` with its bounds and step limit filled in, and what is wrong with the bounds."""
    continuous = [d for d in found.dimensions if d.values is None]
    problems = list(_bounds_given(env, len(continuous), len(found.dimensions)))
    limit = env.max_steps or found.step_limit or STEP_LIMIT
    env = dataclasses.replace(env, id=found.id)
    if problems or not continuous:
        return Env(env.id, None, None, limit, env.kwargs), problems
    low = env.low or tuple(d.low for d in continuous)
    high = env.high or tuple(d.high for d in continuous)
    pairs = enumerate(zip(low, high, strict=True))
    problems = [problem for d, pair in pairs for problem in _bounds(env, d, *pair)]
    return (env if problems else Env(env.id, low, high, limit, env.kwargs)), problems


def _bounds_given(env: Env, continuous: int, dimensions: int) -> Iterator[Problem]:
    for key, bounds in (("env.low", env.low), ("env.high", env.high)):
        if bounds is None:
            continue
        if not continuous:
            yield Problem(key, f"does not apply: {env.id} has discrete observations", list(bounds))
        elif len(bounds) != dimensions:
            rule = f"must have one number for each of the {dimensions} dimensions of {env.id}"
            yield Problem(key, rule, list(bounds))


def _bounds(env: Env, d: int, low: float, high: float) -> Iterator[Problem]:
    name = f"dimension {d} of {env.id}"
    for key, bound in (("env.low", low), ("env.high", high)):
        if not math.isfinite(bound) or abs(bound) > UNBOUNDED:
            yield Problem(
                key,
                f"{name} is unbounded and needs a finite bound",
                bound,
                "give env.low and env.high, or use a preset",
            )
            return
    if low < high and not math.isfinite(1 / (high - low)):
        yield Problem("env.low", f"must be further below env.high in {name} ({high:g})", low)
    if low >= high:
        yield Problem("env.low", f"must be below env.high in {name} ({high:g})", low)


def grid(env: Env, buckets: int | tuple[int, ...], found: Description) -> tuple[Grid | None, list[Problem]]:
    """The grid over a bounded environment, or None with what is wrong with the buckets."""
    dimensions = found.dimensions
    if isinstance(buckets, int):
        counts = tuple(d.values or buckets for d in dimensions)
    elif len(buckets) != len(dimensions):
        rule = f"must be one number or a list of {len(dimensions)}, one per dimension of {env.id}"
        return None, [Problem("buckets", rule, list(buckets))]
    else:
        counts = buckets
    low = env.low or tuple(d.low for d in dimensions)
    high = env.high or tuple(d.high for d in dimensions)
    made = Grid(low, high, counts)
    return made, list(_count_problems(env, made, found))


def _count_problems(env: Env, made: Grid, found: Description) -> Iterator[Problem]:
    for d, (dimension, count) in enumerate(zip(found.dimensions, made.buckets, strict=True)):
        if dimension.values not in (None, count):
            rule = f"must be {dimension.values} in dimension {d} of {env.id}, which is discrete"
            yield Problem("buckets", rule, count)
    values = made.cells * found.actions
    if values > TABLE_LIMIT:
        rule = f"must give a Q-table of at most {TABLE_LIMIT:,} values; this one has {values:,}"
        yield Problem("buckets", rule, list(made.buckets), "use fewer buckets")
