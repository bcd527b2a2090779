"""The Q-tables that training starts from."""

from __future__ import annotations

import numpy as np

from qsweep.config import Config
from qsweep.environments.resolved import Setting
from qsweep.seeds import streams
from qsweep.system.arrays import QTable


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
