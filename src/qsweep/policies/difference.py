"""The difference of two Q-tables on one grid: where their greedy actions differ, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qsweep import seeds
from qsweep.environments.facts import dimension_names, facts
from qsweep.environments.grid import Cells, bucket_edges, without_rounding
from qsweep.environments.resolved import Setting
from qsweep.policies.evaluation.exact import exact_evaluation
from qsweep.policies.evaluation.rollouts import roll_out
from qsweep.policies.evaluation.starts import test_starts
from qsweep.system.arrays import QTable

LISTED = 8
"""Number of cells, those with the most visits, whose cost is measured one by one."""
STEPPED = 100
"""Number of starts for an environment without a twin."""


@dataclass(frozen=True)
class Change:
    """A cell in which the greedy actions differ.

    cell: its index in C order. visits: its share of all visits. ours, theirs: the actions. gain: the return
    that the first policy gains by taking the other's action there, and only there.
    """

    cell: int
    visits: float
    ours: int
    theirs: int
    gain: float


@dataclass(frozen=True)
class Difference:
    """The difference of two Q-tables.

    cells: the share of the visited cells whose greedy actions differ; visits: their share of the visits.
    ours, theirs: the expected returns, exact or on `starts` test starts. changes: the most visited cells.
    """

    cells: float
    visits: float
    ours: float
    theirs: float
    starts: int | None
    changes: tuple[Change, ...]


class _Returns:
    """Returns of greedy policies in one setting, exact where that is possible. starts: None if exact."""

    def __init__(self, setting: Setting) -> None:
        self._setting, self._exact = setting, exact_evaluation(setting)
        count = facts(setting.env.id).test_episodes if setting.twin else STEPPED
        self._seeds = test_starts(setting.env, count).seeds if setting.twin else seeds.test(count)
        self.starts = None if self._exact else count

    def of(self, q_table: QTable) -> float:
        if self._exact:
            return self._exact.of(q_table)
        return float(roll_out(self._setting, q_table, self._seeds).returns.mean())


def different(ours: QTable, theirs: QTable) -> Cells:
    """Return the cells whose greedy actions differ, in C order."""
    greedy = (table.reshape(-1, table.shape[-1]).argmax(axis=1) for table in (ours, theirs))
    return np.flatnonzero(np.not_equal(*greedy))


def difference(setting: Setting, ours: QTable, theirs: QTable, visits: Cells) -> Difference:
    """Compare two Q-tables of a setting with one tiling. visits int64[buckets...]: of both trainings."""
    counts, cells = visits.ravel(), different(ours, theirs)
    cells = cells[counts[cells] > 0]
    cells = cells[np.argsort(-counts[cells], kind="stable")]
    returns, total = _Returns(setting), max(int(counts.sum()), 1)
    base = returns.of(ours)
    changes = []
    for cell in cells[:LISTED].tolist():
        swapped = ours.copy()
        row, other = swapped.reshape(-1, ours.shape[-1]), theirs.reshape(-1, ours.shape[-1])[cell]
        actions = int(row[cell].argmax()), int(other.argmax())
        row[cell] = other
        changes.append(Change(cell, counts[cell] / total, *actions, returns.of(swapped) - base))
    return Difference(
        cells=len(cells) / max(int((counts > 0).sum()), 1),
        visits=float(counts[cells].sum() / total),
        ours=base,
        theirs=returns.of(theirs),
        starts=returns.starts,
        changes=tuple(changes),
    )


def place_of_cell(setting: Setting, cell: int) -> str:
    """Return a cell as text: position -0.57 to -0.48, velocity 0 to 0.007."""
    indices = np.unravel_index(cell, setting.grid.shape)
    names = dimension_names(setting.env.id, len(indices))
    parts = []
    for index, name, edges, dimension in zip(
        indices, names, bucket_edges(setting.grid), setting.description.dimensions, strict=True
    ):
        if dimension.values is None:
            ends = edges[index], edges[index + 1]
            low, high = (without_rounding(end, ends[1] - ends[0]) for end in ends)
            parts.append(f"{name.text} {low:.3g} to {high:.3g}")
        else:
            parts.append(f"{name.text} {name.values[index] if name.values else int(index)}")
    return ", ".join(parts)
