"""The positions of a Q-table's cells in pictures: panels of two dimensions, in the environment's units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qsweep.environments.grid import Cells, Grid, bucket_edges
from qsweep.system.arrays import Floats


@dataclass(frozen=True, eq=False)
class PanelAxis:
    """An axis of a panel with n columns (or rows): edges float64[n + 1], ascending, in the units of `name`.

    labels: the names of the n values; empty if each column is an interval.
    """

    name: str
    edges: Floats
    labels: tuple[str, ...] = ()

    @property
    def centres(self) -> Floats:
        """The centres of the columns, float64[n]."""
        return (self.edges[:-1] + self.edges[1:]) / 2


@dataclass(frozen=True, eq=False)
class MapFeatures:
    """The features of a map beside its cells. signs: the letter in cell i, j, or nothing, str[n1, n2].

    ends: cells where no action is taken, because the episode ends or returns to its start, bool[n1, n2].
    walls: lines from one point to another.
    """

    signs: npt.NDArray[np.str_]
    ends: npt.NDArray[np.bool_]
    walls: tuple[tuple[tuple[float, float], tuple[float, float]], ...] = ()


@dataclass(frozen=True, eq=False)
class Panel:
    """Two dimensions of a Q-table, with the others fixed as the text `fixed` says.

    cells int64[n1, n2, tilings]: the flat (C-order) indices of the cells whose values are summed in column
    i of `x` and row j of `y`, counted upwards. With a single dimension, y has one row.
    """

    x: PanelAxis
    y: PanelAxis
    cells: Cells
    fixed: str = ""
    map: MapFeatures | None = None

    @property
    def is_strip(self) -> bool:
        """True if there is a single dimension."""
        return not self.y.name

    def action_values(self, q_table: Floats) -> Floats:
        """Return the panel's values of a Q-table, float64[n1, n2, actions]; tiles are summed in order."""
        values = q_table.reshape(-1, q_table.shape[-1])
        first, *others = np.moveaxis(self.cells, 2, 0)
        total: Floats = values[first]
        for tiles in others:
            total += values[tiles]
        return total

    def greedy(self, q_table: Floats) -> Cells:
        """Return the greedy action of each cell, int64[n1, n2]: the first of equal ones."""
        return np.asarray(self.action_values(q_table).argmax(axis=2))

    def counts(self, counts: Cells) -> Cells:
        """Return the panel's part of counts per cell of the table, int64[n1, n2]; the maximum over tiles."""
        return np.asarray(counts.reshape(-1)[self.cells].max(axis=2))


@dataclass(frozen=True, eq=False)
class Layout:
    """The panels of a Q-table, the names of the actions, and the text of what all panels fix."""

    panels: tuple[Panel, ...]
    actions: tuple[str, ...]
    fixed: str = ""


def edges(grid: Grid) -> tuple[Floats, ...]:
    """Return the points where values can change along each dimension, with the bounds: float64[n + 1] each.

    With several tilings these are the edges of all of them. (At the upper bound and beyond, some tilings
    have additional tiles, which have no width here.)
    """
    if grid.edges is not None:
        bounds = zip(grid.low, grid.edges, grid.high, strict=True)
        return tuple(_outermost(low, np.array(inner), high) for low, inner, high in bounds)
    if grid.tilings == 1:
        return tuple(map(np.array, bucket_edges(grid)))
    sides = zip(grid.low, grid.high, grid.scale, grid.buckets, grid.offsets.T, strict=True)
    return tuple(_of_tilings(*side) for side in sides)


def _outermost(low: float, inner: Floats, high: float) -> Floats:
    """Return learned edges with the bounds, or without a bound that lies inside the learned edges."""
    return np.array([min([low, *inner[:1]]), *inner, max([high, *inner[-1:]])])


def _of_tilings(low: float, high: float, scale: float, buckets: int, offsets: Floats) -> Floats:
    positions = np.unique(np.arange(buckets + 1)[:, None] - offsets)
    inner = positions[(positions > 0) & (positions < buckets)]
    return np.array([low, *(low + inner / scale), high])
