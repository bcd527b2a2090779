"""The marks of which charts of Q-tables are made: dots, coloured cells, hatches, arrows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, QuadMesh
from matplotlib.colors import ListedColormap, Normalize, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path

from qsweep.environments.facts import ARROWS
from qsweep.pictures.sheets import DARK
from qsweep.pictures.surfaces import Cells, Floats, Panel

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Dot:
    """A dot per cell: its colour, how much of the cell's width and height it takes, how opaque it is."""

    colour: str
    part: float
    alpha: float

    def handle(self, words: str) -> Line2D:
        """What a legend says of it."""
        size = 9 * self.part
        return Line2D([], [], ls="", marker="o", ms=size, color=self.colour, alpha=self.alpha, label=words)


GREEDY, OTHER = Dot("#009e73", 0.9, 1.0), Dot("#cc3311", 0.5, 0.35)
"""Okabe and Ito's green and Tol's red, told apart by size and opacity, too."""
PALETTE = ("#0072b2", "#f0e442", "#d55e00", "#56b4e9", "#cc79a7", "#009e73", "#e69f00", "#000000")
"""Okabe and Ito's, for actions."""
LONGEST = 2.0
"""How many times as long as wide a dot may be."""
VECTORS = 10_000
"""Cells that an SVG draws one by one, at most; more become a picture in it."""
STILL, HATCH = "#e4e6e8", "#9aa0a6"


def palette(actions: int) -> list[Any]:
    """A colour for each action: of the palette, or of a scale where it is too short."""
    if actions <= len(PALETTE):
        return list(PALETTE[:actions])
    return list(matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, actions)))


def ends(panel: Panel) -> Mask:
    """Where no action is taken, bool[n1, n2]."""
    return panel.world.ends if panel.world else np.zeros(panel.cells.shape[:2], np.bool_)


def still(panel: Panel, changes: Cells | None) -> Mask:
    """Where nothing has changed, as far as is known; bool[n1, n2]."""
    if changes is None:
        return np.zeros(panel.cells.shape[:2], np.bool_)
    return np.asarray((panel.counts(changes) == 0) & ~ends(panel))


def still_handle() -> Patch:
    """What a legend says of such cells."""
    words = "unchanged since the first checkpoint"
    return Patch(facecolor=STILL, edgecolor=HATCH, hatch="////", linewidth=0, label=words)


def dots(axes: Axes, panel: Panel, where: Mask, inches: tuple[float, float], dot: Dot) -> None:
    """A dot in the middle of some of the cells. inches: the size of the axes."""
    sides = zip(inches, (panel.x, panel.y), strict=True)
    points = [72 * side * np.diff(axis.edges) / np.ptp(axis.edges) for side, axis in sides]
    widths, heights = radii(panel, *points)
    i, j = np.nonzero(where)
    marks = EllipseCollection(
        2 * part(dot, panel) * widths[i, j],
        2 * part(dot, panel) * heights[i, j],
        np.zeros(len(i)),
        units="points",
        offsets=np.column_stack([panel.x.centres[i], panel.y.centres[j]]),
        offset_transform=axes.transData,
        facecolors=dot.colour,
        alpha=dot.alpha,
        linewidths=0,
        rasterized=where.size > VECTORS,
        zorder=3,
    )
    axes.add_collection(marks, autolim=False)


def part(dot: Dot, panel: Panel) -> float:
    """A dot's part of a cell; on a map it is smaller, beside the signs."""
    return 0.8 * dot.part if panel.world else dot.part


def radii(panel: Panel, widths: Floats, heights: Floats) -> tuple[Floats, Floats]:
    """Half the width and the height of the largest dot in each cell, float64[n1, n2].

    It is not too long, unless the panel is a strip.
    """
    longest = np.inf if panel.is_strip else LONGEST
    w, h = np.broadcast_arrays(widths[:, None] / 2, heights[None, :] / 2)
    return np.minimum(w, longest * h), np.minimum(h, longest * w)


def mesh(
    axes: Axes, panel: Panel, values: npt.NDArray[Any], hidden: Mask, colours: Any, norm: Normalize
) -> QuadMesh:
    """The cells in the colours of their values, but for the ends and those that are hidden."""
    return _cells(axes, panel, values, hidden | ends(panel), cmap=colours, norm=norm)


def hatch(axes: Axes, panel: Panel, where: Mask) -> None:
    """Some of the cells in grey, and hatched unless they are too many."""
    if not where.any():
        return
    _cells(axes, panel, np.zeros(where.shape), ~where, cmap=ListedColormap([STILL]))
    if where.size <= VECTORS:
        style: Any = {"hatch": "////", "edgecolor": HATCH, "linewidth": 0, "zorder": 0.6}
        # One path, for a renderer draws the hatch anew for each; snapped to pixels, as cells are.
        axes.add_artist(PathPatch(_outline(panel, where), fill=False, snap=True, **style))


def _outline(panel: Panel, where: Mask) -> Path:
    """Some of the cells as one path, a rectangle for each."""
    j, i = np.nonzero(where.T)
    x, y = panel.x.edges, panel.y.edges
    across = np.stack([x[i], x[i + 1], x[i + 1], x[i], x[i]], axis=1)
    up = np.stack([y[j], y[j], y[j + 1], y[j + 1], y[j]], axis=1)
    corners = np.stack([across, up], axis=2).reshape(-1, 2)
    rectangle = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    return Path(corners, np.tile(np.array(rectangle, Path.code_type), len(i)))


def _cells(axes: Axes, panel: Panel, values: npt.NDArray[Any], hidden: Mask, **colours: Any) -> QuadMesh:
    raster = values.size > VECTORS
    seamless: Any = {} if raster else {"edgecolors": "face", "linewidth": 0.3}  # viewers of SVG show gaps
    shown = np.ma.masked_array(values, hidden).T
    sides = panel.x.edges, panel.y.edges
    return axes.pcolormesh(*sides, shown, rasterized=raster, zorder=0.5, **seamless, **colours)


def arrows(
    axes: Axes, panel: Panel, greedy: Cells, hidden: Mask, actions: Sequence[str], colours: Sequence[Any]
) -> None:
    """On a map: an arrow where the greedy action leads somewhere, otherwise its initial."""
    if panel.world is None:
        return
    for number, (name, colour) in enumerate(zip(actions, colours, strict=True)):
        i, j = np.nonzero((greedy == number) & ~hidden & ~panel.world.ends)
        x, y = panel.x.centres[i], panel.y.centres[j]
        ink = "#ffffff" if np.mean(to_rgb(colour)) < 0.42 else DARK
        if name in ARROWS:
            east, north = (0.56 * np.full(len(x), part) for part in ARROWS[name])
            scale: Any = {"angles": "xy", "scale_units": "xy", "scale": 1, "units": "xy", "width": 0.07}
            axes.quiver(x, y, east, north, pivot="mid", color=ink, zorder=3, **scale)
        else:
            for across, up in zip(x, y, strict=True):
                axes.text(across, up, name[0].upper(), color=ink, size=8, ha="center", va="center", zorder=3)
