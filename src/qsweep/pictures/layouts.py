"""Layouts of Q-tables of any number of dimensions: as a strip, a map, a surface, or slices."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from qsweep.environments.facts import Name, action_names, dimension_names
from qsweep.environments.grid import Cells, Grid, cells_at
from qsweep.environments.observations import Dimension
from qsweep.environments.resolved import Setting
from qsweep.pictures.grid_worlds import maps
from qsweep.pictures.labels import VIEWS, View
from qsweep.pictures.surfaces import Layout, Panel, PanelAxis, edges


def layout(setting: Setting, changes: Cells | None = None, panels: int = 3) -> Layout:
    """Return the layout of the Q-tables of a setting; it shows exact values.

    One dimension is a strip, or a map if the environment has one. Two dimensions are a surface. Of more, two
    are shown, in at most `panels` panels over a third, and the rest are fixed. changes: the visits of each
    cell, or a stand-in for them (`Archive.changes`), int64[cells...]; dimensions are fixed at the most
    visited bucket, or without changes at the middle one.
    """
    about = setting.description
    names = action_names(setting.env.id, about.actions, about.first_action)
    drawn, fixed = maps(setting)
    if not drawn:
        drawn, fixed = _Slicer(setting, changes).panels(panels)
    return Layout(drawn, names, fixed)


def shown_dimensions(setting: Setting) -> tuple[int, int]:
    """Return the dimensions along x and y of the panels of a setting without a map."""
    view = _view(setting.env.id, setting.grid)
    return view.x, view.y


class _Slicer:
    """Two-dimensional slices of a Q-table of any number of dimensions."""

    def __init__(self, setting: Setting, changes: Cells | None) -> None:
        self._grid = grid = setting.grid
        self._edges = edges(grid)
        self._dimensions = setting.description.dimensions
        single = len(grid.buckets) == 1 and self._dimensions[0].values is not None
        self._names = (Name("state"),) if single else dimension_names(setting.env.id, len(grid.buckets))
        self._view = _view(setting.env.id, grid)
        self._changes = changes
        if changes is not None and grid.tilings > 1:  # only of the tiling that is not shifted
            self._changes = changes[0][tuple(slice(n) for n in grid.buckets)]

    def panels(self, most: int) -> tuple[tuple[Panel, ...], str]:
        """Return at most `most` panels, and the text of what all of them fix."""
        view, dimensions = self._view, range(len(self._grid.buckets))
        if len(dimensions) < 3:
            return (self._panel({}, ""),), ""
        shown = {view.x, view.y, view.slices}
        at = self._fixed([d for d in dimensions if d not in shown])
        fixed = ", ".join(self._words(d, bucket) for d, bucket in at.items())
        slices = self._slices(view.slices, at, most)
        panels = (self._panel({**at, view.slices: n}, self._words(view.slices, n)) for n in slices)
        return tuple(panels), fixed

    def _panel(self, at: dict[int, int], fixed: str) -> Panel:
        """Return the panel over x and y with the other dimensions at the buckets `at`."""
        (x, columns), (y, rows) = self._axis(self._view.x), self._axis(self._view.y)
        index: dict[int, Cells] = {d: np.array(self._interval(d, n)) for d, n in at.items()}
        index[self._view.x] = columns[:, None]
        if len(self._grid.buckets) > 1:
            index[self._view.y] = rows[None, :]
        else:
            y = PanelAxis("", np.array([0.0, 1.0]))
        chosen = np.broadcast_arrays(*(index[d] for d in sorted(index)))
        return Panel(x, y, self._cells(chosen), fixed)

    def _cells(self, index: Sequence[Cells]) -> Cells:
        """Return the cells of the Q-table at intervals of every dimension, int64[n1, n2, tilings]."""
        if self._grid.tilings == 1:
            return np.asarray(np.ravel_multi_index(tuple(index), self._grid.buckets))[..., None]
        middles = [(side[:-1] + side[1:]) / 2 for side in self._edges]
        points = np.stack([middle[k] for middle, k in zip(middles, index, strict=True)], axis=-1)
        cells = cells_at(self._grid, points.reshape(-1, len(middles)))
        return cells.reshape(*points.shape[:-1], -1)

    def _axis(self, d: int) -> tuple[PanelAxis, Cells]:
        """Return a dimension as an axis of a panel, and the indices of the shown intervals."""
        side = self._edges[d]
        first, last = self._view.within.get(d, (0, len(side) - 2))
        labels = _values(self._names[d], self._dimensions[d])[first : last + 1]
        return PanelAxis(str(self._names[d]), side[first : last + 2], labels), np.arange(first, last + 1)

    def _interval(self, d: int, bucket: int) -> int:
        """Return the index of a bucket's interval; with several tilings, of the first one in the bucket."""
        if self._grid.tilings == 1:
            return bucket
        start = self._grid.low[d] + (bucket + 0.25 / self._grid.tilings) / self._grid.scale[d]
        return int(np.searchsorted(self._edges[d], start, side="right")) - 1

    def _words(self, d: int, bucket: int) -> str:
        name, labels = self._names[d], _values(self._names[d], self._dimensions[d])
        if labels:
            return f"{name.text}: {labels[bucket]}"
        side, k = self._edges[d], self._interval(d, bucket)
        digits = 3 - math.floor(math.log10(np.ptp(side)))
        low, high = (round(float(edge), digits) + 0.0 for edge in side[k : k + 2])
        return f"{name.text} {low:.3g} to {high:.3g} {name.unit}".strip()

    def _fixed(self, rest: list[int]) -> dict[int, int]:
        """Return dimension -> the bucket at which it is fixed, for the dimensions that are not shown."""
        if self._changes is None or not rest:
            return {d: self._grid.buckets[d] // 2 for d in rest}
        others = tuple(d for d in range(self._changes.ndim) if d not in rest)
        visits = self._changes.sum(axis=others)
        return dict(zip(rest, map(int, np.unravel_index(visits.argmax(), visits.shape)), strict=True))

    def _slices(self, d: int, at: dict[int, int], most: int) -> list[int]:
        """Return the buckets of a dimension that have a panel."""
        n = self._grid.buckets[d]
        if self._changes is None or n <= most:
            return list(dict.fromkeys((2 * i + 1) * n // (2 * most) for i in range(most)))
        selected = self._changes[tuple(at.get(other, slice(None)) for other in range(self._changes.ndim))]
        kept = sum(other not in at for other in range(d))
        visits = selected.sum(axis=tuple(axis for axis in range(selected.ndim) if axis != kept))
        return sorted(np.argsort(-visits, kind="stable")[:most].tolist())


def _view(env_id: str, grid: Grid) -> View:
    """Return the view of an environment: from VIEWS, otherwise the dimensions with the most buckets."""
    known = VIEWS.get(env_id)
    if known and max(known.x, known.y, known.slices) < len(grid.buckets):
        inside = all(last < grid.buckets[d] for d, (_, last) in known.within.items())
        return known if inside else View(known.x, known.y, known.slices, {})
    if len(grid.buckets) < 3:
        return View(0, len(grid.buckets) - 1, 0, {})
    finest = sorted(range(len(grid.buckets)), key=lambda d: -grid.buckets[d])
    x, y = sorted(finest[:2])
    return View(x, y, finest[2], {})


def _values(name: Name, dimension: Dimension) -> tuple[str, ...]:
    """Return the names of the values of a discrete dimension; empty for a continuous one."""
    if dimension.values is None:
        return ()
    if len(name.values) == dimension.values:
        return name.values
    return tuple(str(int(dimension.low) + n) for n in range(dimension.values))
