"""Charts of one Q-table: actions, greedy policy, values, changes."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import QuadMesh
from matplotlib.colors import BoundaryNorm, Colormap, ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from qsweep.environments.grid import Cells
from qsweep.pictures import marks
from qsweep.pictures.marks import GREEDY, OTHER, ends, unchanged_mask
from qsweep.pictures.sheets import Sheet, decorate, name_rows
from qsweep.pictures.surfaces import Layout
from qsweep.system.arrays import Floats

NEVER_CHANGED = "unchanged since the first checkpoint"
"""What hatched cells are, unless a chart says otherwise."""


def action_chart(layout: Layout, q_table: Floats, title: str) -> Figure:
    """Draw one panel per action: a large green dot where it is greedy, a small faint red one elsewhere."""
    grid = arrange(len(layout.actions), len(layout.panels), 1 if layout.panels[0].is_strip else 4)
    panels = [[layout.panels[p] for _, p in line] for line in grid]
    legend = [GREEDY.handle("the greedy action"), OTHER.handle("not")]
    sheet = Sheet(panels, title, notes(layout), legend, title_lines=1)
    for row, line in enumerate(grid):
        for column, (action, number) in enumerate(line):
            axes, panel = sheet.axes[row][column], layout.panels[number]
            lowest = all(len(below) <= column for below in grid[row + 1 :])
            decorate(axes, panel, layout.actions[action], panel.fixed, left=column == 0, bottom=lowest)
            greedy, inside = panel.greedy(q_table) == action, ~ends(panel)
            marks.dots(axes, panel, greedy & inside, sheet.panel_size, GREEDY)
            marks.dots(axes, panel, ~greedy & inside, sheet.panel_size, OTHER)
    name_rows(sheet.figure, [line[0] for line in sheet.axes], 0.3 / sheet.size[0])
    return sheet.figure


def policy_map(layout: Layout, q_table: Floats, title: str, changes: Cells | None = None) -> Figure:
    """Draw the greedy action of every cell by colour, on a map also by arrow.

    changes: int64[cells...] (`Archive.changes`); cells without changes are grey and hatched.
    """
    colours = marks.palette(len(layout.actions))
    handles = [Patch(color=colour, label=name) for colour, name in zip(colours, layout.actions, strict=True)]
    norm = BoundaryNorm(np.arange(len(colours) + 1) - 0.5, len(colours))
    greedy = [panel.greedy(q_table) for panel in layout.panels]
    sheet = cell_map(layout, greedy, title, changes, norm, ListedColormap(colours), legend=handles)
    for axes, panel, best in zip(sheet.axes[0], layout.panels, greedy, strict=True):
        marks.arrows(axes, panel, best, unchanged_mask(panel, changes), layout.actions, colours)
    return sheet.figure


def value_map(layout: Layout, q_table: Floats, title: str, changes: Cells | None = None) -> Figure:
    """Draw the value of the best action, max over a of Q(s, a), in every cell.

    changes: int64[cells...] (`Archive.changes`); cells without changes are grey and hatched, and the colour
    scale covers only the others.
    """
    values = [panel.action_values(q_table).max(axis=2) for panel in layout.panels]
    hidden = [unchanged_mask(panel, changes) | ends(panel) for panel in layout.panels]
    shown = np.concatenate([v[~h] for v, h in zip(values, hidden, strict=True)])
    norm = Normalize(shown.min(), shown.max()) if len(shown) else Normalize(0, 1)
    words = "value of the best action"
    return cell_map(layout, values, title, changes, norm, "viridis", words).figure


def change_map(layout: Layout, changes: Cells, title: str) -> Figure:
    """Draw the number of checkpoints at which each cell had changed, the record's stand-in for visits.

    changes: int64[cells...] (`Archive.changes`).
    """
    words = "checkpoints at which the cell changed (an approximation of visits)"
    return _count_map(layout, changes, title, words)


def visit_map(layout: Layout, visits: Cells, title: str) -> Figure:
    """Draw the number of training steps that began in each cell, int64[cells...]."""
    words = "training steps that began in the cell"
    return _count_map(layout, visits, title, words, hidden="no training step began there")


def spread_map(layout: Layout, spread: Floats, title: str) -> Figure:
    """Draw how much the temporal-difference target of an action varies in each cell (SD), float64[cells...].

    Cells with NaN are grey and hatched.
    """
    known = np.isfinite(spread)
    values = [panel.counts(np.where(known, spread, 0.0)) for panel in layout.panels]
    norm = Normalize(0.0, float(spread[known].max()) or 1.0) if known.any() else Normalize(0, 1)
    words, hidden = "SD of the temporal-difference target", "too few states of play"
    counts = known.astype(np.int64)
    return cell_map(layout, values, title, counts, norm, "magma", words, hidden=hidden).figure


def _count_map(layout: Layout, counts: Cells, title: str, words: str, hidden: str = NEVER_CHANGED) -> Figure:
    values = [panel.counts(counts).astype(np.float64) for panel in layout.panels]
    positive = np.concatenate([value[value > 0] for value in values])
    low, high = (positive.min(), positive.max()) if len(positive) else (1.0, 2.0)
    norm = LogNorm(low, max(high, 2 * low))
    return cell_map(layout, values, title, counts, norm, "cividis", words, hidden=hidden).figure


def cell_map(
    layout: Layout,
    values: Sequence[Floats | Cells],
    title: str,
    changes: Cells | None,
    norm: Normalize,
    colours: str | Colormap,
    words: str = "",
    subtitle: str = "",
    legend: Sequence[Artist] = (),
    hidden: str = NEVER_CHANGED,
) -> Sheet:
    """Draw values [n1, n2] of every panel side by side. words: the label of the colour scale, if any.

    hidden: what it means that `changes` of a cell are 0, for the legend.
    """
    lines = "; ".join(filter(None, (subtitle, notes(layout))))
    if any(unchanged_mask(panel, changes).any() for panel in layout.panels):
        legend = [*legend, marks.unchanged_handle(hidden)]
    sheet = Sheet([layout.panels], title, lines, legend, scale=bool(words))
    for axes, panel, value in zip(sheet.axes[0], layout.panels, values, strict=True):
        unchanged = unchanged_mask(panel, changes)
        decorate(axes, panel, panel.fixed, left=axes is sheet.axes[0][0])
        drawn = marks.mesh(axes, panel, value, unchanged, colours, norm)
        marks.hatch(axes, panel, unchanged)
    if words:
        _draw_scale(sheet, drawn, words)
    return sheet


def _draw_scale(sheet: Sheet, drawn: QuadMesh, words: str) -> None:
    room = sheet.scale_axes()
    scale = sheet.figure.colorbar(drawn, cax=room)
    letters = round(14.5 * room.get_position().height * sheet.size[1])  # the number that fits
    scale.set_label(textwrap.fill(words, letters), size=9)
    scale.ax.tick_params(labelsize=8.5)
    scale.outline.set_linewidth(0.5)
    if isinstance(drawn.norm, LogNorm):  # of counts
        counts = np.unique(np.geomspace(*drawn.get_clim(), 5).round())
        scale.set_ticks(counts.tolist(), labels=[f"{count:,.0f}" for count in counts])
        scale.minorticks_off()


def notes(layout: Layout) -> str:
    """Return the line below a title: the values at which hidden dimensions are fixed."""
    return f"fixed: {layout.fixed}" if layout.fixed else ""


def arrange(actions: int, panels: int, most: int = 4) -> list[list[tuple[int, int]]]:
    """Return (action, panel) at every position of a chart of all pairs, row by row.

    most: the maximum number of columns, if there is a single panel.
    """
    if panels == 1:
        columns = -(-actions // -(-actions // most))
        return [[(a, 0) for a in range(actions)][i : i + columns] for i in range(0, actions, columns)]
    if actions < panels:
        return [[(a, p) for p in range(panels)] for a in range(actions)]
    return [[(a, p) for a in range(actions)] for p in range(panels)]
