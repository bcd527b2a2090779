"""Where in the frame of a learning video the panels go, so that their cells are as large as they can be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qsweep.pictures.sheets import Box as FloatBox
from qsweep.pictures.sheets import placed
from qsweep.pictures.surfaces import Layout, Panel

GAP, LINE, TICKS, STRIP = 20, 17, 40, 60
"""Pixels between columns, of a line of a title, for the ticks below, and of a strip's height."""

Box = tuple[int, int, int, int]
"""Left, top, width, height in pixels."""
Grid = Sequence[Sequence[tuple[int, int]]]
"""Action and panel in every place, row by row."""


@dataclass(frozen=True)
class Place:
    """Where a panel shows an action: both by number, the box, whether it is leftmost, and lowest."""

    panel: int
    action: int
    box: Box
    left: bool
    lowest: bool


def places(layout: Layout, room: Box) -> list[Place]:
    """One place for each action of each panel in the room, titles above and ticks below included."""
    left, top, width, height = room
    title = LINE * (1 + any(panel.fixed for panel in layout.panels)) + 8
    area = (float(left), 0.0, float(width), float(height - title - TICKS))
    grid = max(_arrangements(layout), key=lambda grid: _cell_side(layout.panels[0], grid, area, title))
    return list(_places(layout, grid, top + title, area, title))


def _places(layout: Layout, grid: Grid, top: int, area: FloatBox, gap: int) -> Iterator[Place]:
    boxes = placed(area, len(grid), len(grid[0]), GAP, gap)
    for row, line in enumerate(grid):
        for column, (action, number) in enumerate(line):
            left, bottom, width, height = boxes[row][column]
            box = _fitted(layout.panels[number], (left, top + area[3] - bottom - height, width, height))
            lowest = all(len(below) <= column for below in grid[row + 1 :])
            yield Place(number, action, box, column == 0, lowest)


def _arrangements(layout: Layout) -> Iterator[Grid]:
    """The ways to put actions and panels into rows."""
    actions, panels = range(len(layout.actions)), range(len(layout.panels))
    if len(panels) > 1:
        yield [[(a, p) for p in panels] for a in actions]
        yield [[(a, p) for a in actions] for p in panels]
        return
    for columns in range(1, len(actions) + 1):
        yield [[(a, 0) for a in actions[first : first + columns]] for first in actions[::columns]]


def _cell_side(panel: Panel, grid: Grid, area: FloatBox, gap: int) -> float:
    """How large cells and dots become, roughly."""
    _, _, width, height = placed(area, len(grid), len(grid[0]), GAP, gap)[0][0]
    columns, rows = panel.cells.shape[:2]
    return float(min(width / columns, height / rows))


def _fitted(panel: Panel, box: FloatBox) -> Box:
    """A box in whole pixels, of a map with square cells, of a strip no higher than it needs."""
    left, top, width, height = (int(side) for side in box)
    columns, rows = panel.cells.shape[:2]
    if panel.world is not None:
        side = min(width // columns, height // rows)
        return left, top + (height - side * rows) // 2, side * columns, side * rows
    if panel.is_strip:
        low = min(height, STRIP)
        return left, top + (height - low) // 2, width, low
    return left, top, width, height
