"""Charts of several Q-tables: the difference of two, and the agreement of those of several seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from qsweep.environments.grid import Cells
from qsweep.pictures import marks
from qsweep.pictures.marks import Dot, Mask, ends
from qsweep.pictures.q_table import draw_scale, notes, title_lines
from qsweep.pictures.sheets import DARK, Sheet, decorate
from qsweep.pictures.surfaces import Layout, Panel, refined
from qsweep.system.arrays import Floats

OTHER_ACTION = Dot(DARK, 0.28, 0.9)


@dataclass(frozen=True, eq=False)
class TableView:
    """A Q-table with its layout and its name. changes: int64[cells...] (`Archive.changes`), if known."""

    layout: Layout
    q_table: Floats
    name: str = ""
    changes: Cells | None = None


def difference_map(before: TableView, after: TableView, title: str) -> Figure:
    """Draw the value of the best action in `after` minus in `before`, with a dot where the action differs.

    The tables may have different grids; a panel then has the edges of both. Raises ValueError if their
    panels show different slices.
    """
    parts = [_difference(before, after, old, new) for old, new in _together([before, after])]
    limit = max(float(np.abs(part.values[part.inside]).max(initial=0)) for part in parts) or 1.0
    others, cells = sum(part.other.sum() for part in parts), sum(part.inside.sum() for part in parts)
    legend = [OTHER_ACTION.handle(f"different greedy action in {others:,} of {cells:,} cells")]
    words = _joined(f"{after.name} minus {before.name}" if before.name else "", notes(after.layout))
    panels = [part.panel for part in parts]
    sheet = Sheet([panels], title, words, legend, title_lines(after.layout), scale=True)
    for axes, part in zip(sheet.axes[0], parts, strict=True):
        decorate(axes, part.panel, part.panel.fixed, left=axes is sheet.axes[0][0])
        drawn = marks.mesh(axes, part.panel, part.values, ~part.inside, "RdBu_r", Normalize(-limit, limit))
        marks.dots(axes, part.panel, part.other, sheet.panel_size, OTHER_ACTION)
    draw_scale(sheet, drawn, "difference in the value of the best action")
    return sheet.figure


@dataclass(frozen=True, eq=False)
class _Difference:
    """values float64[n1, n2]; other, inside bool[n1, n2]: another greedy action, any action at all."""

    panel: Panel
    values: Floats
    other: Mask
    inside: Mask


def _difference(before: TableView, after: TableView, old: Panel, new: Panel) -> _Difference:
    was, now = old.action_values(before.q_table), new.action_values(after.q_table)
    inside = ~ends(new)
    other = (was.argmax(axis=2) != now.argmax(axis=2)) & inside
    return _Difference(new, now.max(axis=2) - was.max(axis=2), other, inside)


def agreement_map(tables: Sequence[TableView], title: str) -> Figure:
    """Draw the share of tables, one per seed, that have the most common greedy action, in each cell.

    If changes are known, cells that no seed changed are grey and hatched. Raises ValueError if the panels
    show different slices.
    """
    groups = list(_together(tables))
    panels = [group[0] for group in groups]
    shares = [_agreement(group, tables) for group in groups]
    hidden = [_untouched(group, tables) for group in groups]
    inside = [share[~h & ~ends(p)] for share, h, p in zip(shares, hidden, panels, strict=True)]
    mean = float(np.mean(np.concatenate(inside))) if any(map(len, inside)) else float("nan")
    words = f"{len(tables)} seeds; on average over the cells shown, {mean:.0%} agree on the greedy action"
    legend = [marks.unchanged_handle()] if any(h.any() for h in hidden) else []
    first = tables[0].layout
    sheet = Sheet([panels], title, _joined(words, notes(first)), legend, title_lines(first), scale=True)
    norm = Normalize(1 / max(2, min(len(tables), len(first.actions))), 1)
    for axes, panel, share, untouched in zip(sheet.axes[0], panels, shares, hidden, strict=True):
        decorate(axes, panel, panel.fixed, left=axes is sheet.axes[0][0])
        drawn = marks.mesh(axes, panel, share, untouched, "cividis", norm)
        marks.hatch(axes, panel, untouched)
    draw_scale(sheet, drawn, "share of seeds with the most common greedy action")
    return sheet.figure


def _together(tables: Sequence[TableView]) -> Iterator[tuple[Panel, ...]]:
    """Yield the corresponding panels of several tables, on the edges of all of them."""
    fixed = {tuple(panel.fixed for panel in table.layout.panels) for table in tables}
    if len(fixed) > 1:
        raise ValueError(f"the tables show different slices: {sorted(fixed)}")
    for panels in zip(*(table.layout.panels for table in tables), strict=True):
        yield tuple(refined(panels))


def _agreement(panels: Sequence[Panel], tables: Sequence[TableView]) -> Floats:
    greedy = np.stack([panel.greedy(t.q_table) for panel, t in zip(panels, tables, strict=True)])
    votes = [(greedy == action).sum(axis=0) for action in range(len(tables[0].layout.actions))]
    return np.asarray(np.max(votes, axis=0) / len(tables))


def _untouched(panels: Sequence[Panel], tables: Sequence[TableView]) -> Mask:
    masks = [marks.unchanged_mask(panel, table.changes) for panel, table in zip(panels, tables, strict=True)]
    return np.asarray(np.logical_and.reduce(masks))


def _joined(*words: str) -> str:
    return "; ".join(filter(None, words))
