"""Discretisation: observation -> cells of the Q-table, on equal or learned buckets, or on several tilings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from qsweep.system.arrays import Floats

Cells = npt.NDArray[np.int64]

MAX_CELLS = 2**26
"""The maximum number of cells of a recorded grid; the Q-tables of more do not fit into a history."""


@dataclass(frozen=True)
class Grid:
    """Buckets per dimension; values outside the bounds fall into the first or last bucket.

    low, high: the bounds, one finite number per dimension. buckets: their number, per dimension. A
    discrete dimension of n values has n buckets of width 1. edges: the inner edges of every dimension,
    ascending, one fewer than its buckets; None if all buckets are equally wide. tilings: the number of
    grids, each shifted by a fraction of a bucket; more than one is tile coding (Sutton and Barto 2018,
    section 9.5.4), with one more bucket in every dimension, for the shift.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    buckets: tuple[int, ...]
    edges: tuple[tuple[float, ...], ...] | None = None
    tilings: int = 1

    @property
    def scale(self) -> tuple[float, ...]:
        """Buckets per unit of each dimension, if they are equally wide."""
        bounds = zip(self.low, self.high, self.buckets, strict=True)
        return tuple(n / (high - low) for low, high, n in bounds)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a Q-table on this grid without its axis of actions; several tilings come first."""
        if self.tilings == 1:
            return self.buckets
        return (self.tilings, *(n + 1 for n in self.buckets))

    @property
    def cells(self) -> int:
        """The number of cells in the table."""
        return math.prod(self.shape)

    @property
    def offsets(self) -> Floats:
        """The shift of each tiling in each dimension, in buckets, float64[tilings, dimensions].

        Tiling t is shifted by t times the first odd numbers, modulo one bucket (Sutton and Barto 2018,
        section 9.5.4, after Miller and Glanz 1996).
        """
        odd = 2 * np.arange(len(self.buckets)) + 1
        return np.outer(np.arange(self.tilings), odd) % self.tilings / self.tilings


def recorded_grid(values: Mapping[str, Any], edges: str = "edges") -> Grid:
    """Return the grid in an untrusted record. edges: the key of the inner edges.

    Raises ValueError, TypeError or KeyError if the record has no valid grid, or one that is too large.
    """
    low, high = (tuple(map(float, values[key])) for key in ("low", "high"))
    learned = values[edges] and tuple(tuple(map(float, inner)) for inner in values[edges])
    grid = Grid(low, high, tuple(values["buckets"]), learned, values["tilings"])
    bounds = list(zip(grid.low, grid.high, grid.buckets, strict=True))
    valid = all(isinstance(n, int) and n > 0 and -math.inf < a < b < math.inf for a, b, n in bounds)
    counts = learned is None or [len(inner) + 1 for inner in learned] == list(grid.buckets)
    if not (bounds and valid and counts and isinstance(grid.tilings, int) and grid.tilings > 0):
        raise ValueError("low, high, buckets and edges are not those of a grid")
    if math.prod(grid.buckets) * grid.tilings > MAX_CELLS:
        raise ValueError("too many cells")
    return grid


class Lattice(NamedTuple):
    """A grid as arrays, for compiled code; low, scale and buckets have one number per dimension.

    offsets float64[tilings, dimensions], in buckets. edges float64[dimensions, n]: the inner edges, padded
    with infinity; n is 0 if the buckets are equally wide.
    """

    low: Floats
    scale: Floats
    buckets: Cells
    offsets: Floats
    edges: Floats


def lattice(grid: Grid) -> Lattice:
    """Return the arrays of a grid."""
    learned = grid.edges or ((),) * len(grid.buckets)
    edges = np.full((len(learned), max(map(len, learned))), np.inf)
    for row, inner in zip(edges, learned, strict=True):
        row[: len(inner)] = inner
    numbers = np.array(grid.low), np.array(grid.scale), np.array(grid.buckets)
    return Lattice(*numbers, grid.offsets, edges)


# Both engines run the functions below, compiled or interpreted, so that their results agree bit for bit.


def locate(lattice: Lattice, observation: Floats, cells: Cells) -> None:
    """Write the flat (C-order) index of an observation's cell in every tiling to `cells`.

    observation float64[dimensions], cells int64[tilings].
    """
    if len(cells) > 1:
        _tiles(lattice, observation, cells)
    elif lattice.edges.shape[1] > 0:
        cells[0] = _learned_cell(lattice, observation)
    else:
        cells[0] = cell_of(observation, lattice.low, lattice.scale, lattice.buckets)


def cell_of(observation: Any, low: Any, scale: Any, buckets: Any) -> int:
    """Return the flat (C-order) index of an observation's cell on a grid of equal buckets."""
    cell = 0
    for d in range(len(buckets)):
        x = (observation[d] - low[d]) * scale[d]
        if x >= buckets[d]:
            bucket = buckets[d] - 1
        elif x >= 0.0:
            bucket = int(x)
        else:
            bucket = 0  # below the bounds, or NaN, which would be any number
        cell = cell * buckets[d] + bucket
    return cell


def _learned_cell(lattice: Lattice, observation: Floats) -> int:
    cell = 0
    for d in range(len(lattice.buckets)):
        bucket = 0
        while bucket < lattice.buckets[d] - 1 and observation[d] >= lattice.edges[d, bucket]:
            bucket += 1
        cell = cell * lattice.buckets[d] + bucket
    return cell


def _tiles(lattice: Lattice, observation: Floats, cells: Cells) -> None:
    for tiling in range(len(cells)):
        cell = tiling
        for d in range(len(lattice.buckets)):
            x = (observation[d] - lattice.low[d]) * lattice.scale[d]
            x = min(max(0.0, x), float(lattice.buckets[d])) + lattice.offsets[tiling, d]
            cell = cell * (lattice.buckets[d] + 1) + int(x)
        cells[tiling] = cell


def cells_at(grid: Grid, observations: Floats) -> Cells:
    """Return the flat (C-order) indices of the cells of many observations, one per tiling.

    observations float64[n, dimensions] -> int64[n, tilings]. The value of an action is the sum over an
    observation's cells.
    """
    if np.isnan(observations).any():
        raise ValueError("an observation with NaN has no cell")
    low, scale, buckets, offsets, _ = lattice(grid)
    with np.errstate(over="ignore"):  # infinity falls into an outer bucket, as all values out of bounds do
        x = np.clip((observations - low) * scale, 0.0, buckets)
    if grid.tilings > 1:
        tiles = (x[:, None, :] + offsets).astype(np.int64)  # [n, tilings, dimensions]
        numbers = np.broadcast_to(np.arange(grid.tilings), tiles.shape[:2])
        return _flat(grid, (numbers, *np.moveaxis(tiles, 2, 0)))
    if grid.edges is None:
        places = np.minimum(x.astype(np.int64), buckets - 1).T
    else:
        columns = zip(grid.edges, observations.T, strict=True)
        places = np.stack([np.searchsorted(inner, column, "right") for inner, column in columns])
    return _flat(grid, tuple(places))[:, None]


def _flat(grid: Grid, places: tuple[Cells, ...]) -> Cells:
    indices: Cells = np.ravel_multi_index(places, grid.shape)
    return indices


def bucket_edges(grid: Grid) -> list[list[float]]:
    """Return the edges of the buckets in each dimension, one more than there are buckets.

    They are exact: an inner edge is the smallest float64 that `cell_of` assigns to the bucket above, which
    may differ from the evenly spaced number by rounding. Several tilings give the edges of the first.
    """
    bounds = list(zip(grid.low, grid.high, strict=True))
    if grid.edges is not None:
        return [[low, *inner, high] for (low, high), inner in zip(bounds, grid.edges, strict=True)]
    numbers = zip(bounds, grid.scale, grid.buckets, strict=True)
    return [[low, *_inner_edges(low, high, scale, n), high] for (low, high), scale, n in numbers]


def without_rounding(edge: float, width: float) -> float:
    """Return an edge to be shown: 0 in place of what rounding leaves of it. width: of a bucket beside it."""
    return 0.0 if abs(edge) < 1e-9 * width else edge


def _inner_edges(low: float, high: float, scale: float, buckets: int) -> list[float]:
    numbers = np.arange(1, buckets)
    below, above = np.full(buckets - 1, low), np.full(buckets - 1, high)
    while True:  # bisect until no float64 lies between
        middle = below + (above - below) / 2
        if ((middle <= below) | (middle >= above)).all():
            edges: list[float] = above.tolist()
            return edges
        reached = (middle - low) * scale >= numbers
        below, above = np.where(reached, below, middle), np.where(reached, middle, above)
