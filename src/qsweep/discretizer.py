"""Observation -> cells of the Q-table: a grid of buckets, equal or learned, one or several offset ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Cells = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Grid:
    """Buckets per dimension; values outside the bounds fall into the edge bucket.

    low, high: the bounds, one finite number per dimension. buckets: how many, one per dimension.
    A discrete dimension of n values is n buckets of width 1. edges: the inner edges of every
    dimension, ascending, one fewer than its buckets, or None where all buckets are equally wide.
    tilings: how many grids, each shifted by a part of a bucket; more than one is tile coding (Sutton
    and Barto 2018, section 9.5.4), with one more bucket in every dimension, for the shift.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    buckets: tuple[int, ...]
    edges: tuple[tuple[float, ...], ...] | None = None
    tilings: int = 1

    @property
    def scale(self) -> tuple[float, ...]:
        """Buckets per unit of each dimension, where they are equally wide."""
        bounds = zip(self.low, self.high, self.buckets, strict=True)
        return tuple(n / (high - low) for low, high, n in bounds)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a Q-table on this grid, without the actions; several tilings come first."""
        if self.tilings == 1:
            return self.buckets
        return (self.tilings, *(n + 1 for n in self.buckets))

    @property
    def cells(self) -> int:
        """The number of cells in the table."""
        return math.prod(self.shape)

    @property
    def offsets(self) -> Floats:
        """How far each tiling is shifted in each dimension, in buckets, float64[tilings, dimensions].

        Tiling t is shifted by t times the first odd numbers, modulo one bucket (Sutton and Barto 2018,
        section 9.5.4, after Miller and Glanz 1996).
        """
        odd = 2 * np.arange(len(self.buckets)) + 1
        return np.outer(np.arange(self.tilings), odd) % self.tilings / self.tilings


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


def cells_at(grid: Grid, observations: Floats) -> Cells:
    """The flat (C-order) indices of the cells, one in every tiling, that hold observations.

    observations float64[n, dimensions] -> int64[n, tilings]. The value of an action is the sum over
    these cells.
    """
    buckets = np.array(grid.buckets)
    if grid.edges is not None:
        columns = zip(grid.edges, observations.T, strict=True)
        found = [np.searchsorted(edges, column, side="right") for edges, column in columns]
        return _flat(found, grid.buckets)[:, None]
    position = (observations - np.array(grid.low)) * np.array(grid.scale)
    if grid.tilings == 1:
        bucket = np.clip(position, 0, buckets - 1).astype(np.int64)
        return _flat(list(bucket.T), grid.buckets)[:, None]
    shifted = np.clip(position, 0, buckets)[:, None, :] + grid.offsets
    tiling = np.broadcast_to(np.arange(grid.tilings), shifted.shape[:2])
    return _flat([tiling, *np.moveaxis(shifted.astype(np.int64), 2, 0)], grid.shape)


def _flat(indices: Sequence[Cells], shape: tuple[int, ...]) -> Cells:
    return np.asarray(np.ravel_multi_index(tuple(indices), shape), np.int64)
