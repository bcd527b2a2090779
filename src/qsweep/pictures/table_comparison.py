"""Charts of several Q-tables: the difference of two, and the agreement of those of several seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from qsweep.environments.grid import Cells
from qsweep.pictures import marks
from qsweep.pictures.marks import Dot, ends, unchanged_mask
from qsweep.pictures.q_table import cell_map
from qsweep.pictures.sheets import DARK
from qsweep.pictures.surfaces import Layout, Panel
from qsweep.system.arrays import Floats

OTHER_ACTION = Dot(DARK, 0.28, 0.9)


def difference_map(layout: Layout, before: Floats, after: Floats, title: str, subtitle: str = "") -> Figure:
    """Draw the value of the best action in `after` minus in `before`, with a dot where the action differs."""
    inside = [~ends(panel) for panel in layout.panels]
    was, now = ([panel.action_values(table) for panel in layout.panels] for table in (before, after))
    values = [new.max(axis=2) - old.max(axis=2) for new, old in zip(now, was, strict=True)]
    others = [
        (new.argmax(axis=2) != old.argmax(axis=2)) & shown
        for new, old, shown in zip(now, was, inside, strict=True)
    ]
    limit = max(float(np.abs(v[i]).max(initial=0)) for v, i in zip(values, inside, strict=True)) or 1.0
    count, cells = (sum(int(mask.sum()) for mask in masks) for masks in (others, inside))
    legend = [OTHER_ACTION.handle(f"different greedy action in {count:,} of {cells:,} cells")]
    norm, words = Normalize(-limit, limit), "difference in the value of the best action"
    sheet = cell_map(layout, values, title, None, norm, "RdBu_r", words, subtitle, legend)
    for axes, panel, other in zip(sheet.axes[0], layout.panels, others, strict=True):
        marks.dots(axes, panel, other, sheet.panel_size, OTHER_ACTION)
    return sheet.figure


def agreement_map(
    layout: Layout, tables: Sequence[Floats], title: str, changes: Cells | None = None
) -> Figure:
    """Draw the share of tables, one per seed, that have the most common greedy action, in each cell.

    changes: int64[cells...], summed over the seeds; cells that no seed changed are grey and hatched.
    """
    shares = [_agreement(panel, tables, len(layout.actions)) for panel in layout.panels]
    pairs = zip(shares, layout.panels, strict=True)
    shown = np.concatenate([share[~unchanged_mask(p, changes) & ~ends(p)] for share, p in pairs])
    mean = float(shown.mean()) if len(shown) else float("nan")
    about = f"{len(tables)} seeds; on average over the cells shown, {mean:.0%} agree on the greedy action"
    norm = Normalize(1 / max(2, min(len(tables), len(layout.actions))), 1)
    words = "share of seeds with the most common greedy action"
    return cell_map(layout, shares, title, changes, norm, "cividis", words, about).figure


def _agreement(panel: Panel, tables: Sequence[Floats], actions: int) -> Floats:
    greedy = np.stack([panel.greedy(table) for table in tables])
    votes = [(greedy == action).sum(axis=0) for action in range(actions)]
    return np.asarray(np.max(votes, axis=0) / len(tables))
