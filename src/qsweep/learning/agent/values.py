"""Reading and moving the values of an agent's table."""

from __future__ import annotations

from typing import Any

import numpy as np

from qsweep.learning.agent.agent import ALPHA, Agent

place = np.uint64
"""What an index becomes that is not negative: machine code then does not ask whether it is."""


ACTIONS, CELLS = 0, 0
"""How many actions and cells every state has, where code is compiled for that; 0: the agent says."""


def cells_in(s: Any) -> int:
    """How many cells a state has: one, or one in every tiling."""
    return CELLS if CELLS > 0 else len(s)


def actions_in(agent: Agent, s: Any) -> int:
    """How many actions there are in a state."""
    if ACTIONS > 0:
        return ACTIONS
    if len(agent.available) > 0:
        return int(agent.available[s[0]])
    return len(agent.row)


def value(agent: Agent, s: Any, a: int) -> float:
    """Q(s, a)."""
    total = agent.q[place(s[0]), place(a)]
    for i in range(1, cells_in(s)):
        total += agent.q[place(s[i]), place(a)]
    return total


def highest(agent: Agent, s: Any) -> float:
    """max_a Q(s, a)."""
    best = value(agent, s, 0)
    for a in range(1, actions_in(agent, s)):
        best = max(best, value(agent, s, a))
    return best


def step_size(agent: Agent, cell: int, a: int) -> float:
    """Alpha for one value of the table; divided by its visits where it falls with them."""
    alpha: float = agent.pace[ALPHA]
    if agent.falling:
        alpha /= max(agent.visits[cell, a], 1)
    return alpha


def learn_from(agent: Agent, s: Any, a: int, delta: float) -> None:
    """Q(s, a) <- Q(s, a) + alpha delta; with tilings, semi-gradient (Sutton and Barto 2018, section 10.1)."""
    for i in range(cells_in(s)):
        agent.q[place(s[i]), place(a)] += step_size(agent, s[i], a) * delta
