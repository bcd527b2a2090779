"""The Q-tables that training starts from: drawn from the seed, or trained before."""

from __future__ import annotations

import numpy as np

from qsweep.config import Config
from qsweep.environments.resolved import Resolved, Setting
from qsweep.errors import Problem, UsageError
from qsweep.seeds import streams
from qsweep.system.arrays import QTable


def first_table(run: Resolved, number: int = 0) -> QTable:
    """Return Q-table `number` of a run before its first episode; all are the one that it starts from, if any.

    Raises UsageError if that one was not loaded.
    """
    if run.start is not None:
        return run.start.q_table.copy()
    if run.config.initial_q.from_ is not None:
        rule, remedy = "needs a store, which training alone does not read", "use `qsweep train`"
        raise UsageError([Problem("initial_q.from", rule, run.config.initial_q.from_, remedy)])
    return initial_table(run.config, run, number)


def initial_table(config: Config, setting: Setting, number: int = 0) -> QTable:
    """Draw initial Q-table `number`: uniform, -inf for actions that a cell does not have.

    Most algorithms need only number 0. With tilings, the sum of a state's values lies between the bounds.
    """
    tilings = config.tilings or 1
    low, high = config.initial_q.low / tilings, config.initial_q.high / tilings
    tables = streams(config.seed).table.uniform(low, high, size=(number + 1, *setting.shape))
    table: QTable = tables[number]
    if available := setting.description.available:
        table[np.arange(table.shape[-1]) >= np.array(available)[:, None]] = -np.inf
    return table
