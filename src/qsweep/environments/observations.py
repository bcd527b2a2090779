"""Observation spaces as dimensions of a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

from qsweep.environments.encoding import Continuous, Encode, Nested, SeveralDiscrete, SingleDiscrete
from qsweep.errors import Problem, UsageError

DISCRETE = (spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)
NESTING = (spaces.Dict, spaces.Tuple)
MAX_DIMENSIONS = 32
"""The maximum number of dimensions: more than any Q-table can have, so that images are refused."""


@dataclass(frozen=True)
class Dimension:
    """One dimension of an observation: its bounds, and its number of values if it is discrete."""

    low: float
    high: float
    values: int | None = None


def observations(env_id: str, space: spaces.Space[Any]) -> tuple[tuple[Dimension, ...], Encode]:
    """Return the dimensions of an observation space, and the function that turns an observation into numbers.

    Raises UsageError if it is none that fits into a table.
    """
    text = str(space)
    match space:
        case spaces.Discrete():
            first, end = int(space.start), int(space.start + space.n)
            return (_discrete(first, int(space.n)),), SingleDiscrete(text, first, end)
        case spaces.Box():
            bounds = zip(_shortest(space.low), _shortest(space.high), strict=True)
            some = tuple(Dimension(low, high) for low, high in bounds)
        case _:
            leaves = dict(_leaves(space))
            if not all(isinstance(leaf, DISCRETE) for leaf in leaves.values()):
                raise UsageError([_no_observations(env_id, space)])
            some = tuple(dimension for leaf in leaves.values() for dimension in _of_discrete(leaf))
    if len(some) > MAX_DIMENSIONS:
        rule = f"must have observations of at most {MAX_DIMENSIONS} dimensions; {env_id} has {len(some)}"
        remedy = "too many for a table; an env.wrapper can make smaller observations"
        raise UsageError([Problem("env.id", rule, env_id, remedy)])
    if isinstance(space, spaces.Box):
        return some, Continuous(text, len(some))
    flat = SeveralDiscrete(text, tuple((int(d.low), int(d.high)) for d in some))
    simple = isinstance(space, spaces.Tuple) and all(isinstance(part, spaces.Discrete) for part in space)
    return some, Nested(tuple(leaves), flat) if isinstance(space, NESTING) and not simple else flat


def _leaves(space: spaces.Space[Any], path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield the spaces in Tuples and Dicts, each after the keys that lead to it in an observation."""
    match space:
        case spaces.Dict():
            inner: Iterable[tuple[Any, spaces.Space[Any]]] = space.spaces.items()
        case spaces.Tuple():
            inner = enumerate(space.spaces)
        case _:
            yield path, space
            return
    for key, part in inner:
        yield from _leaves(part, (*path, key))


def _of_discrete(space: Any) -> Iterator[Dimension]:
    """Yield the dimensions of a Discrete, MultiDiscrete or MultiBinary space."""
    match space:
        case spaces.Discrete():
            yield _discrete(int(space.start), int(space.n))
        case spaces.MultiDiscrete():
            for start, n in zip(space.start.ravel().tolist(), space.nvec.ravel().tolist(), strict=True):
                yield _discrete(start, n)
        case _:
            yield from [_discrete(0, 2)] * int(np.prod(space.shape))


def _no_observations(env_id: str, space: spaces.Space[Any]) -> Problem:
    rule = "must have Box, Discrete, MultiDiscrete or MultiBinary observations, or nested discrete ones"
    flat = "; env.wrapper=gymnasium.wrappers:FlattenObservation makes a Box of it"
    plain = all(isinstance(leaf, (*DISCRETE, spaces.Box)) for _, leaf in _leaves(space))
    can = isinstance(space, NESTING) and plain and spaces.flatdim(space) <= MAX_DIMENSIONS
    return Problem("env.id", rule, env_id, f"{env_id} has {space}{flat if can else ''}")


def _discrete(start: int, n: int) -> Dimension:
    return Dimension(float(start), float(start + n), n)


def _shortest(bounds: Any) -> list[float]:
    """Return bounds with the fewest digits: float32's 0.6 as 0.6, not as 0.6000000238418579."""
    return [float(str(bound)) for bound in np.ravel(bounds)]
