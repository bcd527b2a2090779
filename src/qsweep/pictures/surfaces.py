"""Where the cells of a Q-table lie in a picture: panels of two dimensions, in the environment's own units."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qsweep.environments.grid import Grid, bucket_edges

Floats = npt.NDArray[np.float64]
Cells = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Axis:
    """One side of a panel of n columns (or rows): edges float64[n + 1], ascending, in `name`'s units.

    labels: what the n are called where each is one value; empty where each is an interval.
    """

    name: str
    edges: Floats
    labels: tuple[str, ...] = ()

    @property
    def centres(self) -> Floats:
        """The middles of the columns, float64[n]."""
        return (self.edges[:-1] + self.edges[1:]) / 2


@dataclass(frozen=True, eq=False)
class World:
    """What a map shows beside the cells. signs: a letter in cell i, j, or nothing, str[n1, n2].

    ends: where no action is taken, as the episode is over or back at its start, bool[n1, n2]. walls:
    lines from one point to another.
    """

    signs: npt.NDArray[np.str_]
    ends: npt.NDArray[np.bool_]
    walls: tuple[tuple[tuple[float, float], tuple[float, float]], ...] = ()


@dataclass(frozen=True, eq=False)
class Panel:
    """Two dimensions of a Q-table, the others fixed as `fixed` says.

    cells int64[n1, n2, tilings]: the flat (C-order) cells of the table whose values add up to those in
    column i of `x` and row j of `y`, which goes up. Where there is one dimension, y has one row.
    """

    x: Axis
    y: Axis
    cells: Cells
    fixed: str = ""
    world: World | None = None

    @property
    def is_strip(self) -> bool:
        """Whether there is one dimension."""
        return not self.y.name

    def action_values(self, q_table: Floats) -> Floats:
        """What is to be drawn of a table: its values, float64[n1, n2, actions]; tiles add up in order."""
        values = q_table.reshape(-1, q_table.shape[-1])
        first, *others = np.moveaxis(self.cells, 2, 0)
        total: Floats = values[first]
        for tiles in others:
            total += values[tiles]
        return total

    def greedy(self, q_table: Floats) -> Cells:
        """The number of the greedy action in each cell, int64[n1, n2]: the first of the best."""
        return np.asarray(self.action_values(q_table).argmax(axis=2))

    def counts(self, counts: Cells) -> Cells:
        """What is to be drawn of a number per cell of the table, int64[n1, n2]: of tiles, the largest."""
        return np.asarray(counts.reshape(-1)[self.cells].max(axis=2))


@dataclass(frozen=True, eq=False)
class Layout:
    """How a Q-table is drawn: the panels, what the actions are called, and what all panels fix."""

    panels: tuple[Panel, ...]
    actions: tuple[str, ...]
    fixed: str = ""


def edges(grid: Grid) -> tuple[Floats, ...]:
    """Where the values may change along each dimension, bounds included: one float64[n + 1] for each.

    Of several tilings it is every edge of every one. (At the upper bound itself, and beyond it, some
    tilings have tiles of their own, which have no width here.)
    """
    if grid.edges is not None:
        bounds = zip(grid.low, grid.edges, grid.high, strict=True)
        return tuple(_outermost(low, np.array(inner), high) for low, inner, high in bounds)
    if grid.tilings == 1:
        return tuple(map(np.array, bucket_edges(grid)))
    sides = zip(grid.low, grid.high, grid.scale, grid.buckets, grid.offsets.T, strict=True)
    return tuple(_of_tilings(*side) for side in sides)


def _outermost(low: float, inner: Floats, high: float) -> Floats:
    """Learned edges between the bounds, or beyond them where that is what was learned."""
    return np.array([min([low, *inner[:1]]), *inner, max([high, *inner[-1:]])])


def _of_tilings(low: float, high: float, scale: float, buckets: int, offsets: Floats) -> Floats:
    positions = np.unique(np.arange(buckets + 1)[:, None] - offsets)
    inner = positions[(positions > 0) & (positions < buckets)]
    return np.array([low, *(low + inner / scale), high])


def refined(panels: Sequence[Panel]) -> Iterator[Panel]:
    """Panels over the same two dimensions as panels of the same columns and rows: every edge of each.

    What only some of them reach is left out. Values need no approximation.
    """
    x, y = (_united([getattr(panel, side) for panel in panels]) for side in ("x", "y"))
    for panel in panels:
        columns = np.searchsorted(panel.x.edges, x.centres, side="right") - 1
        rows = np.searchsorted(panel.y.edges, y.centres, side="right") - 1
        yield Panel(x, y, panel.cells[columns][:, rows], panel.fixed, panel.world)


def _united(axes: Sequence[Axis]) -> Axis:
    if all(np.array_equal(axis.edges, axes[0].edges) for axis in axes):
        return axes[0]
    low, high = max(axis.edges[0] for axis in axes), min(axis.edges[-1] for axis in axes)
    every = np.unique(np.concatenate([axis.edges for axis in axes]))
    return Axis(axes[0].name, every[(every >= low) & (every <= high)])
