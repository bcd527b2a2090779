"""Observation -> bucket: a grid of equal buckets over [low, high], one count per dimension."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Grid:
    """Equal buckets per dimension; values outside the bounds fall into the edge bucket.

    low, high: the bounds, one finite number per dimension. buckets: how many, one per dimension.
    A discrete dimension of n values is n buckets of width 1.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    buckets: tuple[int, ...]

    @property
    def scale(self) -> tuple[float, ...]:
        """Buckets per unit of each dimension."""
        bounds = zip(self.low, self.high, self.buckets, strict=True)
        return tuple(n / (high - low) for low, high, n in bounds)

    @property
    def cells(self) -> int:
        """The number of cells in the grid."""
        return math.prod(self.buckets)


def cell_of(
    observation: Sequence[float],
    low: Sequence[float],
    scale: Sequence[float],
    buckets: Sequence[int],
) -> int:
    """The flat (C-order) index of the cell that holds one observation.

    Both engines run these very lines, the compiled one through numba, so that they agree to the bit.
    """
    cell = 0
    for d in range(len(buckets)):
        x = (observation[d] - low[d]) * scale[d]
        if x >= buckets[d]:
            bucket = buckets[d] - 1
        elif x < 0.0:
            bucket = 0
        else:
            bucket = int(x)
        cell = cell * buckets[d] + bucket
    return cell
