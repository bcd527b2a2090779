"""Reading and updating the values of an agent's Q-table."""

from __future__ import annotations

from typing import Any

import numpy as np

from qsweep.learning.agent.agent import ALPHA, Agent

index = np.uint64
"""The type of an index that is never negative: compiled code then omits the check for a negative one."""


ACTIONS, CELLS = 0, 0
"""The number of actions and cells of every state, if code is compiled for it; 0: read from the agent."""


def cells_in(s: Any) -> int:
    """Return the number of cells of a state: one per tiling."""
    return CELLS if CELLS > 0 else len(s)


def actions_in(agent: Agent, s: Any) -> int:
    """Return the number of actions in a state."""
    if ACTIONS > 0:
        return ACTIONS
    if len(agent.available) > 0:
        return int(agent.available[s[0]])
    return len(agent.preferences)


def value(agent: Agent, s: Any, a: int) -> float:
    """Return Q(s, a)."""
    total = agent.q[index(s[0]), index(a)]
    for i in range(1, cells_in(s)):
        total += agent.q[index(s[i]), index(a)]
    return total


def max_value(agent: Agent, s: Any) -> float:
    """Return max_a Q(s, a)."""
    best = value(agent, s, 0)
    for a in range(1, actions_in(agent, s)):
        best = max(best, value(agent, s, a))
    return best


def step_size(agent: Agent, cell: int, a: int) -> float:
    """Return alpha for one value of the table, divided by its visits if the step size decays with them."""
    alpha: float = agent.rates[ALPHA]
    if agent.decaying:
        alpha /= max(agent.visits[cell, a], 1)
    return alpha


def update_value(agent: Agent, s: Any, a: int, delta: float) -> None:
    """Q(s, a) <- Q(s, a) + alpha delta; with tilings, semi-gradient (Sutton and Barto 2018, section 10.1)."""
    for i in range(cells_in(s)):
        agent.q[index(s[i]), index(a)] += step_size(agent, s[i], a) * delta
