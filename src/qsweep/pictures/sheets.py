"""The figure of Q-table charts: title, notes, rows of panels, a legend or a colour scale."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, NullFormatter

from qsweep.pictures.labels import font, shorten
from qsweep.pictures.surfaces import MapFeatures, Panel, PanelAxis

DARK, GREY, LIGHT = "#1f2328", "#6b6b6b", "#d0d4d8"
GOAL, HOLE, WALL = "#ffffff", "#46505a", "#9aa0a6"
LEFT, RIGHT, TOP, BOTTOM, SCALE = 0.85, 0.25, 0.48, 0.6, 1.0
"""Margins in inches, and the width of a colour scale at the right."""
GAP, LINE = 0.22, 0.2
"""Inches between panels, and per line of notes, of a panel's title or of the legend."""
TITLE, TEXT, SMALL = 11, 9.5, 8.5
"""Font sizes in points."""
TICKS = 12
"""The maximum number of labelled values along an axis."""

Box = tuple[float, float, float, float]
"""Left, bottom, width, height."""


class Sheet:
    """A figure with rows of equal panels, each with a title, above a legend.

    title_lines: of a panel, without the line that says what it fixes. axes: a list per row. panel_size: width
    and height of a panel in inches.
    """

    def __init__(
        self,
        panels: Sequence[Sequence[Panel]],
        title: str,
        notes: str = "",
        legend: Sequence[Artist] = (),
        title_lines: int = 0,
        scale: bool = False,
    ) -> None:
        rows, columns = len(panels), max(map(len, panels))
        title_lines += any(panel.fixed for row in panels for panel in row)
        width, height = self.panel_size = _size(panels[0][0], rows * columns)
        gap, inner = GAP + LINE * title_lines, columns * width + (columns - 1) * GAP
        across = max(LEFT + inner + RIGHT + SCALE * scale, 5.2)
        lines = textwrap.wrap(notes, round(13.5 * (across - LEFT - RIGHT)))
        entries = columns_of(legend, across - LEFT)
        bottom = BOTTOM + LINE * -(-len(legend) // entries)
        area = (LEFT, bottom, inner, rows * height + (rows - 1) * gap)
        self.size = (across, bottom + area[3] + TOP + LINE * (len(lines) + title_lines))
        self.figure = Figure(figsize=self.size, dpi=120)
        FigureCanvasAgg(self.figure)
        places = zip(equal_boxes(area, rows, columns, GAP, gap), panels, strict=True)
        self.axes = [[self._add(box) for box, _ in zip(boxes, line, strict=False)] for boxes, line in places]
        self._area = area
        self._write(title, lines)
        if legend:
            self._explain(legend, entries)

    def _add(self, box: Box) -> Axes:
        (left, bottom, width, height), (across, down) = box, self.size
        return self.figure.add_axes((left / across, bottom / down, width / across, height / down))

    def _write(self, title: str, lines: Sequence[str]) -> None:
        across, down = self.size
        words = shorten(title, TITLE, 72 * (across - LEFT - 0.1))
        for number, line in enumerate([words, *lines]):
            size, colour = (TEXT, GREY) if number else (TITLE, DARK)
            y = 1 - (0.14 + 0.06 * (number > 0) + LINE * number) / down
            self.figure.text(LEFT / across, y, line, size=size, va="top", color=colour, parse_math=False)

    def _explain(self, legend: Sequence[Artist], columns: int) -> None:
        self.figure.legend(
            handles=list(legend),
            loc="lower left",
            bbox_to_anchor=((LEFT - 0.1) / self.size[0], 0.0),
            ncols=columns,
            fontsize=TEXT,
            frameon=False,
            labelspacing=0.4,
            columnspacing=1.4,
            handletextpad=0.5,
        )

    def scale_axes(self) -> Axes:
        """Return axes for a colour scale, right of the panels."""
        left, bottom, width, height = self._area
        return self._add((left + width + 0.15, bottom, 0.16, height))


def columns_of(legend: Sequence[Artist], inches: float) -> int:
    """Return the largest number of columns with which a legend fits."""
    for columns in range(len(legend), 1, -1):
        longest = [max(map(_length, part)) for part in np.array_split(np.array(legend, object), columns)]
        if sum(longest) <= inches:
            return columns
    return 1


def _length(entry: Artist) -> float:
    return (46 + font(round(TEXT)).getlength(str(entry.get_label())) * 1.06) / 72


def equal_boxes(area: Box, rows: int, columns: int, gap_x: float, gap_y: float) -> list[list[Box]]:
    """Return equal boxes that fill an area, row by row from the top."""
    left, bottom, width, height = area
    w, h = (width - (columns - 1) * gap_x) / columns, (height - (rows - 1) * gap_y) / rows
    tops = [bottom + height - row * (h + gap_y) for row in range(rows)]
    return [[(left + column * (w + gap_x), top - h, w, h) for column in range(columns)] for top in tops]


def _size(panel: Panel, panels: int) -> tuple[float, float]:
    """Return width and height of a panel in inches; the cells of a map are square."""
    if panel.is_strip:
        return 5.4, 0.5
    width = 5.4 if panels == 1 else 3.3 if panels <= 4 else 2.7
    if panel.map is None:
        return width, 0.78 * width
    columns, rows = panel.cells.shape[:2]
    side = min(width / columns, 4.2 / rows, 0.8)
    return columns * side, rows * side


def decorate(axes: Axes, panel: Panel, *title: str, left: bool = True, bottom: bool = True) -> None:
    """Give axes the limits, ticks, labels, walls and signs of a panel, and the lines of a title.

    left, bottom: True if the ticks at that side have labels.
    """
    axes.set_xlim(panel.x.edges[0], panel.x.edges[-1])
    axes.set_ylim(panel.y.edges[0], panel.y.edges[-1])
    room = 72 * axes.get_position().width * axes.get_figure(root=True).get_figwidth()  # type: ignore[union-attr]
    words = "\n".join(shorten(line, round(TEXT), room) for line in title if line)
    axes.set_title(words, loc="left", fontsize=TEXT, color=DARK, pad=4, parse_math=False)
    _ticks(axes.xaxis, panel.x, bottom)
    _ticks(axes.yaxis, panel.y, left)
    axes.tick_params(labelsize=SMALL, length=0 if panel.map else 3)
    for spine in axes.spines.values():
        spine.set(color=GREY, linewidth=0.8)
    if panel.map is not None:
        _draw_map(axes, panel.map)


def name_rows(figure: Figure, rows: Sequence[Axes], across: float) -> None:
    """Label the y axis of several rows of panels once, in their middle; across: its x position, 0 to 1."""
    if len(rows) < 2:
        return
    name, boxes = rows[0].get_ylabel(), [axes.get_position() for axes in rows]
    middle = (boxes[0].y1 + boxes[-1].y0) / 2
    for axes in rows:
        axes.set_ylabel("")
    style: Any = {"rotation": "vertical", "ha": "center", "va": "center", "parse_math": False}
    figure.text(across, middle, name, size=TEXT, **style)


def _ticks(side: XAxis | YAxis, axis: PanelAxis, named: bool) -> None:
    if axis.labels:
        every = -(-len(axis.labels) // TICKS)
        side.set_ticks(axis.centres[::every].tolist(), axis.labels[::every] if named else [])
    elif axis.name:
        side.set_major_locator(MaxNLocator(5))
        if not named:
            side.set_major_formatter(NullFormatter())
    else:
        side.set_ticks([])
    if named:
        side.set_label_text(axis.name, size=TEXT)


def _draw_map(axes: Axes, features: MapFeatures) -> None:
    columns, rows = features.signs.shape
    lines = [((x, 0), (x, rows)) for x in range(1, columns)]
    lines += [((0, y), (columns, y)) for y in range(1, rows)]
    grid = LineCollection(lines, colors=LIGHT, linewidths=0.6, zorder=1)
    walls = LineCollection(features.walls, colors=DARK, linewidths=3.5, zorder=4)
    for drawn in (grid, walls):
        axes.add_collection(drawn, autolim=False)
    for x, y in np.argwhere(features.ends & (features.signs == "")).tolist():
        axes.add_patch(Rectangle((x, y), 1, 1, facecolor=WALL, linewidth=0, zorder=2))
    for x, y in np.argwhere(features.signs != "").tolist():
        letter = str(features.signs[x, y])
        if features.ends[x, y]:
            face, ink = (GOAL, DARK) if letter == "G" else (HOLE, "#ffffff")
            axes.add_patch(Rectangle((x, y), 1, 1, facecolor=face, linewidth=0, zorder=2))
            if letter == "G":
                frame = Rectangle((x + 0.12, y + 0.12), 0.76, 0.76, fill=False, edgecolor=DARK, zorder=2.1)
                axes.add_patch(frame)
            axes.text(x + 0.5, y + 0.48, letter, color=ink, size=9, ha="center", va="center", weight="bold")
        else:
            plate = {"facecolor": "#ffffff", "alpha": 0.8, "pad": 0.7, "linewidth": 0}
            axes.text(x + 0.06, y + 0.94, letter, color=DARK, size=7, va="top", weight="bold", bbox=plate)
