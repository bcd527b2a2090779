"""The dots of a Q-table's action chart as pixels, over a background that was drawn before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.colors import to_rgb

from qsweep.pictures.marks import GREEDY, OTHER, Dot, dot_share, radii
from qsweep.pictures.surfaces import Panel, PanelAxis
from qsweep.pictures.video_places import Place
from qsweep.system.arrays import Floats

Pixels = npt.NDArray[np.uint32]
"""Red, green, blue and opacity of each pixel in one number."""
TINY = 4.0
"""The cell size in pixels below which a dot fills the cell."""


@dataclass(frozen=True, eq=False)
class Window:
    """The part of a frame that shows one action of a panel: its pixels if the action is greedy, and if not.

    cell int32[h, w]: the flat (C-order) index of the cell of each pixel.
    """

    rows: slice
    columns: slice
    panel: int
    action: int
    cell: npt.NDArray[np.int32]
    greedy: Pixels
    other: Pixels


def window(background: Pixels, panel: Panel, place: Place) -> Window:
    """Return the window of a panel at its place, over the background."""
    left, top, width, height = place.box
    rows, columns = slice(top + 1, top + height - 1), slice(left + 1, left + width - 1)  # inside the frame
    i, x, across = _along(panel.x, width)
    j, y, up = _along(panel.y, height)
    j, y = j[::-1], y[::-1]  # rows of pixels go down
    cell = (i[None, :] * panel.cells.shape[1] + j[:, None]).astype(np.int32)
    rx, ry = (side[i[None, :], j[:, None]] for side in radii(panel, across, up))
    ends = panel.map.ends[i[None, :], j[:, None]] if panel.map else np.zeros(cell.shape, np.bool_)
    base = background[rows, columns]
    greedy, other = (
        _mixed(base, dot, np.where(ends, 0, _covered(x[None, :], y[:, None], rx, ry, dot_share(dot, panel))))
        for dot in (GREEDY, OTHER)
    )
    return Window(rows, columns, place.panel, place.action, cell, greedy, other)


def _along(axis: PanelAxis, pixels: int) -> tuple[npt.NDArray[np.int64], Floats, Floats]:
    """Return the interval of each pixel along an axis, its distance from the interval's centre, and widths.

    The first and the last pixel, of the frame, are omitted. The widths are those of the intervals, in pixels.
    """
    scale = pixels / np.ptp(axis.edges)
    edges = (axis.edges - axis.edges[0]) * scale
    middles = np.arange(1, pixels - 1) + 0.5
    index = np.clip(np.searchsorted(edges, middles, side="right") - 1, 0, len(edges) - 2)
    return index, middles - ((edges[:-1] + edges[1:]) / 2)[index], np.diff(edges)


def _covered(x: Floats, y: Floats, rx: Floats, ry: Floats, dot_share: float) -> Floats:
    """Return the share of each pixel that a dot covers, 0 to 1; all of it in cells too small for a dot."""
    small = np.minimum(rx, ry)
    distance = np.hypot(x / np.maximum(rx, 1e-9), y / np.maximum(ry, 1e-9)) / dot_share
    inside = np.clip((1 - distance) * dot_share * small + 0.5, 0, 1)
    return np.where(small < TINY / 2, 1.0, inside)


def _mixed(base: Pixels, dot: Dot, covered: Floats) -> Pixels:
    below = np.ascontiguousarray(base).view(np.uint8).reshape(*base.shape, 4).astype(np.float64)
    share = (covered * dot.alpha)[..., None]
    below[..., :3] += share * (255 * np.array(to_rgb(dot.colour)) - below[..., :3])
    return np.ascontiguousarray(below.round().astype(np.uint8)).view(np.uint32)[..., 0]
