"""The exact expected return of a Q-table's greedy policy, where the environment has transition tables."""

from __future__ import annotations

import numpy as np

from qsweep.environments.grid import Cells, Grid, cells_at
from qsweep.environments.resolved import Setting
from qsweep.policies.optimum.environment_tables import observed_tables
from qsweep.policies.optimum.tables import WORK, Tables, Values, evaluation_work, expected_return
from qsweep.system.arrays import QTable

AFFORDABLE = WORK / 10
"""The most work for one policy; a run evaluates about fifty."""
DIGITS = 10
"""Decimals of an exact return; rounding makes returns of equivalent policies equal."""


class ExactEvaluation:
    """Evaluates the greedy policies of Q-tables of one setting, each distinct policy once."""

    def __init__(self, tables: Tables, grid: Grid, max_steps: int) -> None:
        self._tables, self._max_steps = tables, max_steps
        self._cells, self._grid = cells_at(grid, tables.observations), grid
        self._known: dict[bytes, float] = {}

    def of(self, q_table: QTable) -> float:
        """Return the expected undiscounted return under the step limit."""
        actions = greedy_actions(q_table.reshape(self._grid.cells, -1), self._cells)
        key = actions.tobytes()
        if key not in self._known:
            policy = np.eye(len(self._tables.reward))[:, actions]
            self._known[key] = round(expected_return(self._tables, policy, self._max_steps), DIGITS)
        return self._known[key]


def greedy_actions(q: QTable, cells: Cells) -> Cells:
    """Return the greedy action of states as it is played: the first one with the highest value.

    q float64[cells, actions]; cells int64[states, tilings] -> int64[states].
    """
    values: Values = np.zeros((len(cells), q.shape[1]))
    for tiling in range(cells.shape[1]):  # in the order in which rollouts add
        values += q[cells[:, tiling]]
    actions: Cells = values.argmax(axis=1)
    return actions


def exact_evaluation(setting: Setting) -> ExactEvaluation | None:
    """Return the exact evaluation of a setting's Q-tables.

    None if its environment has no tables, or if they and the step limit are so large that it takes too long.
    """
    if any(dimension.values is None for dimension in setting.description.dimensions):
        return None  # tables number their states
    tables = observed_tables(setting.env)
    if tables is None or evaluation_work(tables, setting.max_steps) > AFFORDABLE:
        return None
    return ExactEvaluation(tables, setting.grid, setting.max_steps)
