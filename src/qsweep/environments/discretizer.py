"""The grid of a Q-table, made from a config: bounds, buckets, learned edges, tilings."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from qsweep.config import Config, Env
from qsweep.environments.description import Description
from qsweep.environments.grid import Grid
from qsweep.environments.guarded import opened
from qsweep.errors import Problem
from qsweep.seeds import random_play
from qsweep.system.arrays import Floats

STEP_LIMIT = 10_000
"""The maximum number of steps per episode if neither the config nor the environment sets a limit."""
UNBOUNDED = 1e30
"""Larger bounds count as infinite: some environments use the largest float for infinity."""
TABLE_LIMIT = 2**25
"""The maximum number of values in a Q-table (256 MiB), so that runs do not exhaust the memory."""
TOO_LARGE = "too large for a table; an env.wrapper can make smaller observations"
LEARNED_FROM = 20_000
"""The number of random steps from whose observations the edges of quantile buckets are learned."""


def bounded(env: Env, found: Description) -> tuple[Env, list[Problem]]:
    """Return `env` with its bounds and step limit filled in, and the problems of the bounds."""
    continuous = [d for d in found.dimensions if d.values is None]
    problems = list(_bounds_given(env, len(continuous), len(found.dimensions)))
    limit = env.max_steps or found.step_limit or STEP_LIMIT
    env = dataclasses.replace(env, id=found.id)
    if problems or not continuous:
        return dataclasses.replace(env, low=None, high=None, max_steps=limit), problems
    low = env.low or tuple(d.low for d in continuous)
    high = env.high or tuple(d.high for d in continuous)
    pairs = enumerate(zip(low, high, strict=True))
    problems = [problem for d, pair in pairs for problem in _bounds(env, d, *pair)]
    if problems:
        return env, problems
    return dataclasses.replace(env, low=low, high=high, max_steps=limit), problems


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
                f"must be finite: {name} is unbounded",
                bound,
                "set env.low and env.high, or use a preset",
            )
            return
    if low < high and not math.isfinite(1 / (high - low)):
        yield Problem("env.low", f"is too close to env.high in {name} ({high:g})", low)
    if low >= high:
        own = "" if env.low and env.high else f"{env.id} has these bounds itself: set env.low and env.high"
        yield Problem("env.low", f"must be below env.high in {name} ({high:g})", low, own)


def grid(config: Config, found: Description) -> tuple[Grid | None, list[Problem]]:
    """Return the grid of a config whose environment is bounded, and the problems of its keys.

    The grid is None if the number of buckets does not suit the environment.
    """
    env, dimensions, buckets = config.env, found.dimensions, config.buckets
    if isinstance(buckets, int):
        counts = tuple(d.values or buckets for d in dimensions)
    elif len(buckets) != len(dimensions):
        rule = f"must be one number or a list of {len(dimensions)}, one per dimension of {env.id}"
        return None, [Problem("buckets", rule, list(buckets))]
    else:
        counts = buckets
    low = env.low or tuple(d.low for d in dimensions)
    high = env.high or tuple(d.high for d in dimensions)
    made = Grid(low, high, counts, tilings=config.tilings or 1)
    problems = [*_count_problems(env, made, found), *_kind_problems(config, found)]
    if config.discretizer == "quantile" and not problems:
        inner = zip(learned_edges(env, found, counts), low, high, strict=True)
        made = dataclasses.replace(made, edges=tuple(tuple(np.clip(e, a, b).tolist()) for e, a, b in inner))
    return made, problems


def _kind_problems(config: Config, found: Description) -> Iterator[Problem]:
    if config.discretizer != "uniform" and all(d.values is not None for d in found.dimensions):
        rule = f"{config.discretizer} needs continuous observations; {config.env.id} has discrete ones"
        yield Problem("discretizer", rule, None, "use discretizer=uniform")


def learned_edges(env: Env, found: Description, buckets: tuple[int, ...]) -> tuple[tuple[float, ...], ...]:
    """Return the inner edges of buckets that random play visits equally often, in every dimension.

    They are the quantiles of `LEARNED_FROM` observations under uniformly random actions. All runs use the
    same random draws, so that the Q-tables of different seeds are comparable. A discrete dimension keeps its
    values.
    """
    played = dataclasses.replace(env, low=None, high=None)
    return _learned_edges(played, found, buckets)


@lru_cache(maxsize=32)  # the runs of a sweep share the edges
def _learned_edges(env: Env, found: Description, buckets: tuple[int, ...]) -> tuple[tuple[float, ...], ...]:
    observations = _observations(env, found)
    return tuple(
        tuple(np.quantile(column, np.arange(1, n) / n).tolist())
        if dimension.values is None
        else tuple(dimension.low + k for k in range(1, n))
        for dimension, n, column in zip(found.dimensions, buckets, observations.T, strict=True)
    )


def _observations(env: Env, found: Description) -> Floats:
    """Return the observations of uniformly random actions, float64[LEARNED_FROM, dimensions]."""
    seed, generator = random_play()
    observations = np.empty((LEARNED_FROM, len(found.dimensions)))
    with opened(env, found, env.max_steps) as played:
        played.reset(seed)
        actions = generator.integers(found.actions, size=LEARNED_FROM).tolist()
        for row, action in zip(observations, actions, strict=True):
            row[:], _, terminated, truncated = played.step(action + found.first_action)
            if terminated or truncated:
                played.reset()
    return observations


def _count_problems(env: Env, made: Grid, found: Description) -> Iterator[Problem]:
    for d, (dimension, count) in enumerate(zip(found.dimensions, made.buckets, strict=True)):
        if dimension.values not in (None, count):
            rule = f"must be {dimension.values} in dimension {d} of {env.id}, which is discrete"
            yield Problem("buckets", rule, count)
    values = made.cells * found.actions
    if values > TABLE_LIMIT:
        rule = f"must give a Q-table of at most {TABLE_LIMIT:,} values; this one would have {values:,}"
        least = math.prod(d.values or 2 for d in found.dimensions) * found.actions
        remedy = "use fewer buckets" if least <= TABLE_LIMIT else TOO_LARGE
        yield Problem("buckets", rule, list(made.buckets), remedy)
