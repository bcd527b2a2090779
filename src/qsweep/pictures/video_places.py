"""The positions of panels in the frame of a learning video, chosen so that cells are as large as possible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qsweep.pictures.sheets import Box, equal_boxes
from qsweep.pictures.surfaces import Layout, Panel

GAP, LINE, TICKS, STRIP = 20, 17, 40, 60
"""Pixels: the gap between columns, a line of a title, the ticks below, the height of a strip."""

PixelBox = tuple[int, int, int, int]
"""Left, top, width, height in pixels."""
Arrangement = Sequence[Sequence[tuple[int, int]]]
"""(action, panel) at every position, row by row."""


@dataclass(frozen=True)
class Place:
    """The box in which a panel shows an action; left, lowest: it is the leftmost, or the lowest one."""

    panel: int
    action: int
    box: PixelBox
    left: bool
    lowest: bool


def places(layout: Layout, room: PixelBox) -> list[Place]:
    """Return one place per action and panel in the room, which includes titles above and ticks below."""
    left, top, width, height = room
    title = LINE * (1 + any(panel.fixed for panel in layout.panels)) + 8
    area = (float(left), 0.0, float(width), float(height - title - TICKS))
    grid = max(_arrangements(layout), key=lambda grid: _cell_side(layout.panels[0], grid, area, title))
    boxes, found = equal_boxes(area, len(grid), len(grid[0]), GAP, title), []
    for row, line in enumerate(grid):
        for column, (action, number) in enumerate(line):
            left_side, bottom, w, h = boxes[row][column]
            box = _fitted(layout.panels[number], (left_side, top + title + area[3] - bottom - h, w, h))
            lowest = all(len(below) <= column for below in grid[row + 1 :])
            found.append(Place(number, action, box, column == 0, lowest))
    return found


def _arrangements(layout: Layout) -> Iterator[Arrangement]:
    """Yield the possible arrangements of actions and panels in rows."""
    actions, panels = range(len(layout.actions)), range(len(layout.panels))
    if len(panels) > 1:
        yield [[(a, p) for p in panels] for a in actions]
        yield [[(a, p) for a in actions] for p in panels]
        return
    for columns in range(1, len(actions) + 1):
        yield [[(a, 0) for a in actions[first : first + columns]] for first in actions[::columns]]


def _cell_side(panel: Panel, grid: Arrangement, area: Box, gap: int) -> float:
    """Return the approximate size of cells and dots."""
    _, _, width, height = equal_boxes(area, len(grid), len(grid[0]), GAP, gap)[0][0]
    columns, rows = panel.cells.shape[:2]
    return float(min(width / columns, height / rows))


def _fitted(panel: Panel, box: Box) -> PixelBox:
    """Return a box in integer pixels: square cells for a map, a limited height for a strip."""
    left, top, width, height = (int(side) for side in box)
    columns, rows = panel.cells.shape[:2]
    if panel.map is not None:
        side = min(width // columns, height // rows)
        return left, top + (height - side * rows) // 2, side * columns, side * rows
    if panel.is_strip:
        low = min(height, STRIP)
        return left, top + (height - low) // 2, width, low
    return left, top, width, height
