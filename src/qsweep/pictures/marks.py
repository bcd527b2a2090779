"""The marks of Q-table charts: dots, coloured cells, hatches, arrows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import ListedColormap, Normalize, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path

from qsweep.environments.facts import ARROWS
from qsweep.environments.grid import Cells
from qsweep.pictures.sheets import DARK
from qsweep.pictures.surfaces import Panel
from qsweep.system.arrays import Floats

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Dot:
    """The style of a dot per cell: colour, share of the cell's width and height, opacity."""

    colour: str
    dot_share: float
    alpha: float

    def handle(self, words: str) -> Line2D:
        """Return its entry in a legend."""
        size = 9 * self.dot_share
        return Line2D([], [], ls="", marker="o", ms=size, color=self.colour, alpha=self.alpha, label=words)


GREEDY, OTHER = Dot("#009e73", 0.9, 1.0), Dot("#cc3311", 0.5, 0.35)
"""Okabe and Ito's green and Tol's red, which also differ in size and opacity."""
PALETTE = ("#0072b2", "#f0e442", "#d55e00", "#56b4e9", "#cc79a7", "#009e73", "#e69f00", "#000000")
"""Okabe and Ito's palette, for actions."""
MAX_ASPECT = 2.0
"""The maximum ratio of a dot's length to its width."""
VECTORS = 10_000
"""The maximum number of cells that an SVG draws one by one; more are a raster image in it."""
ARC = 4 / 3 * (np.sqrt(2) - 1)
"""The distance of a Bézier curve's control points from its ends that makes it a quarter of a circle."""
CIRCLE = np.array(
    [
        *[(1, 0), (1, ARC), (ARC, 1), (0, 1), (-ARC, 1), (-1, ARC), (-1, 0)],
        *[(-1, -ARC), (-ARC, -1), (0, -1), (ARC, -1), (1, -ARC), (1, 0)],
    ]
)
"""The points of a circle of radius 1, a Bézier curve."""
UNCHANGED, HATCH = "#e4e6e8", "#9aa0a6"


def palette(actions: int) -> list[Any]:
    """Return a colour per action: of the palette, or of a colour scale if the palette is too short."""
    if actions <= len(PALETTE):
        return list(PALETTE[:actions])
    return list(matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, actions)))


def ends(panel: Panel) -> Mask:
    """Return the mask of cells where no action is taken, bool[n1, n2]."""
    return panel.map.ends if panel.map else np.zeros(panel.cells.shape[:2], np.bool_)


def unchanged_mask(panel: Panel, changes: Cells | None) -> Mask:
    """Return the mask of cells that never changed, bool[n1, n2]; all False if changes are unknown."""
    if changes is None:
        return np.zeros(panel.cells.shape[:2], np.bool_)
    return np.asarray((panel.counts(changes) == 0) & ~ends(panel))


def unchanged_handle(words: str) -> Patch:
    """Return the legend's entry of hatched cells. words: what they are."""
    return Patch(facecolor=UNCHANGED, edgecolor=HATCH, hatch="////", linewidth=0, label=words)


def dots(axes: Axes, panel: Panel, where: Mask, inches: tuple[float, float], dot: Dot) -> None:
    """Draw a dot in the centre of the cells of a mask. inches: the size of the axes."""
    sides = (panel.x, panel.y)
    units = [np.ptp(axis.edges) / inch for axis, inch in zip(sides, inches, strict=True)]
    widths, heights = radii(
        panel, *(np.diff(axis.edges) / unit for axis, unit in zip(sides, units, strict=True))
    )
    i, j = np.nonzero(where)
    radius = dot_share(dot, panel) * np.stack([widths[i, j] * units[0], heights[i, j] * units[1]], axis=1)
    centres = np.column_stack([panel.x.centres[i], panel.y.centres[j]])
    # A single path of all: a collection is written element by element.
    outlines = centres[:, None, :] + radius[:, None, :] * CIRCLE
    codes = np.array([Path.MOVETO] + [Path.CURVE4] * (len(CIRCLE) - 1), Path.code_type)
    path = Path(outlines.reshape(-1, 2), np.tile(codes, len(i)))
    style: Any = {"facecolor": dot.colour, "alpha": dot.alpha, "linewidth": 0, "zorder": 3}
    axes.add_artist(PathPatch(path, rasterized=where.size > VECTORS, **style))


def dot_share(dot: Dot, panel: Panel) -> float:
    """Return a dot's share of a cell; it is smaller on a map, beside the signs."""
    return 0.8 * dot.dot_share if panel.map else dot.dot_share


def radii(panel: Panel, widths: Floats, heights: Floats) -> tuple[Floats, Floats]:
    """Return half the width and height of the largest dot in each cell, float64[n1, n2].

    Its aspect ratio is limited, unless the panel is a strip.
    """
    aspect = np.inf if panel.is_strip else MAX_ASPECT
    w, h = np.broadcast_arrays(widths[:, None] / 2, heights[None, :] / 2)
    return np.minimum(w, aspect * h), np.minimum(h, aspect * w)


def mesh(
    axes: Axes, panel: Panel, values: npt.NDArray[Any], hidden: Mask, colours: Any, norm: Normalize
) -> QuadMesh:
    """Draw the cells in the colours of their values, except the ends and the hidden ones."""
    return _cells(axes, panel, values, hidden | ends(panel), cmap=colours, norm=norm)


def hatch(axes: Axes, panel: Panel, where: Mask) -> None:
    """Draw the cells of a mask in grey, hatched unless they are too many."""
    if not where.any():
        return
    _cells(axes, panel, np.zeros(where.shape), ~where, cmap=ListedColormap([UNCHANGED]))
    if where.size <= VECTORS:
        style: Any = {"hatch": "////", "edgecolor": HATCH, "linewidth": 0, "zorder": 0.6}
        # A single path, because the hatch is drawn once per path; snapped to pixels, as cells are.
        axes.add_artist(PathPatch(_outline(panel, where), fill=False, snap=True, **style))


def _outline(panel: Panel, where: Mask) -> Path:
    """Return the cells of a mask as one path, with a rectangle per cell."""
    j, i = np.nonzero(where.T)
    x, y = panel.x.edges, panel.y.edges
    across = np.stack([x[i], x[i + 1], x[i + 1], x[i], x[i]], axis=1)
    up = np.stack([y[j], y[j], y[j + 1], y[j + 1], y[j]], axis=1)
    corners = np.stack([across, up], axis=2).reshape(-1, 2)
    rectangle = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    return Path(corners, np.tile(np.array(rectangle, Path.code_type), len(i)))


def _cells(axes: Axes, panel: Panel, values: npt.NDArray[Any], hidden: Mask, **colours: Any) -> QuadMesh:
    raster = values.size > VECTORS
    seamless: Any = {} if raster else {"edgecolors": "face", "linewidth": 0.3}  # SVG viewers show gaps
    shown = np.ma.masked_array(values, hidden).T
    sides = panel.x.edges, panel.y.edges
    return axes.pcolormesh(*sides, shown, rasterized=raster, zorder=0.5, **seamless, **colours)


def arrows(
    axes: Axes, panel: Panel, greedy: Cells, hidden: Mask, actions: Sequence[str], colours: Sequence[Any]
) -> None:
    """Draw, on a map, the greedy actions: arrows for directions, initials for other actions."""
    if panel.map is None:
        return
    for number, (name, colour) in enumerate(zip(actions, colours, strict=True)):
        i, j = np.nonzero((greedy == number) & ~hidden & ~panel.map.ends)
        x, y = panel.x.centres[i], panel.y.centres[j]
        ink = "#ffffff" if np.mean(to_rgb(colour)) < 0.42 else DARK
        if name in ARROWS:
            east, north = (0.56 * np.full(len(x), dot_share) for dot_share in ARROWS[name])
            scale: Any = {"angles": "xy", "scale_units": "xy", "scale": 1, "units": "xy", "width": 0.07}
            axes.quiver(x, y, east, north, pivot="mid", color=ink, zorder=3, **scale)
        else:
            for across, up in zip(x, y, strict=True):
                axes.text(across, up, name[0].upper(), color=ink, size=8, ha="center", va="center", zorder=3)
