"""Observations as numbers, one per dimension; one that is not in its space is an error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import getitem, index
from typing import Any

import numpy as np

from qsweep.errors import text_of

Encode = Callable[[Any], list[float]]
"""Observation -> numbers; raises ValueError, with observation and space, for one that is not in the space."""


@dataclass(frozen=True)
class SingleDiscrete:
    """The `Encode` of the values `start` to `end` - 1. space: in words."""

    space: str
    start: int
    end: int

    def __call__(self, seen: Any) -> list[float]:
        """Return the observation's number."""
        try:
            value = index(seen)
        except TypeError:
            value = _whole(seen, self.space)
        if not self.start <= value < self.end:
            raise outside(seen, self.space)
        return [float(value)]


@dataclass(frozen=True)
class SeveralDiscrete:
    """The `Encode` of several discrete dimensions. bounds: the first value and the last one plus 1."""

    space: str
    bounds: tuple[tuple[int, int], ...]

    def __call__(self, seen: Any) -> list[float]:
        """Return the observation's numbers."""
        numbers = _flat(seen, len(self.bounds), self.space)
        for number, (start, end) in zip(numbers, self.bounds, strict=True):
            if not (start <= number < end and number.is_integer()):
                raise outside(seen, self.space)
        return numbers


@dataclass(frozen=True)
class Nested:
    """The `Encode` of discrete spaces in Tuples and Dicts. paths: the keys that lead to each of them."""

    paths: tuple[tuple[Any, ...], ...]
    flat: SeveralDiscrete

    def __call__(self, seen: Any) -> list[float]:
        """Return the observation's numbers, in the order of the spaces."""
        try:
            parts = [np.ravel(reduce(getitem, path, seen)) for path in self.paths]
        except (TypeError, KeyError, IndexError):
            raise outside(seen, self.flat.space) from None
        return self.flat(np.concatenate(parts))


@dataclass(frozen=True)
class Continuous:
    """The `Encode` of a Box, whose bounds do not count: the outer buckets take what is beyond them."""

    space: str
    dimensions: int

    def __call__(self, seen: Any) -> list[float]:
        """Return the observation's numbers."""
        numbers = _flat(seen, self.dimensions, self.space)
        if math.isnan(sum(numbers)) and any(map(math.isnan, numbers)):  # inf - inf is NaN, too
            raise ValueError(f"an observation with NaN: {numbers}")
        return numbers


def outside(seen: Any, space: str) -> ValueError:
    """Return the error of an observation that is not in its space."""
    text = " ".join(text_of(seen).split())
    return ValueError(f"the observation {text[:200]}, which is not in {space[:200]}")


def _whole(seen: Any, space: str) -> int:
    """Return a whole number that is no integer by type, such as 3.0 or a one with a shape ()."""
    value = seen.item() if isinstance(seen, np.generic | np.ndarray) and seen.ndim == 0 else seen
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise outside(seen, space)


def _flat(seen: Any, dimensions: int, space: str) -> list[float]:
    try:
        numbers: list[float] = np.asarray(seen, np.float64).ravel().tolist()
    except (TypeError, ValueError, OverflowError):
        raise outside(seen, space) from None
    if len(numbers) != dimensions:
        raise outside(seen, space)
    return numbers
