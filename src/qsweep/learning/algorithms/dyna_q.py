"""Dyna-Q: Q-learning that after every step learns again from steps that it remembers.

Sutton (1990); Sutton and Barto (2018), section 8.2. The model remembers what followed last.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qsweep.learning.agent.agent import Agent, Step
from qsweep.learning.agent.exploration import draw
from qsweep.learning.agent.values import highest, learn_from, value
from qsweep.learning.algorithms import Basis, Floats, Ints
from qsweep.learning.algorithms.q_learning import td_error

HYPERPARAMETERS = ("planning_steps",)
TILES = False
BY_TURNS = False
UNTRIED, END = -2, -1
"""Instead of the next cell: never tried, and terminated."""


class Memory(NamedTuple):
    """The model: r float64[cells, actions] and s_next int64[cells, actions], what followed last.

    seen int64[cells]: the cells that were seen, in that order, `tally` int64[1] of them. tried
    int64[cells, actions]: the actions tried in a cell, in that order, `tries` int64[cells] of them.
    cell, next_cell: int64[1], to write into. steps: of planning after each real one.
    """

    r: Floats
    s_next: Ints
    seen: Ints
    tally: Ints
    tried: Ints
    tries: Ints
    cell: Ints
    next_cell: Ints
    steps: int


def memory(basis: Basis) -> Memory:
    """A model that knows nothing."""
    shape, cells = basis.q.shape, len(basis.q)
    seen, tries, tried = np.zeros(cells, np.int64), np.zeros(cells, np.int64), np.zeros(shape, np.int64)
    tally, cell, next_cell = (np.zeros(1, np.int64) for _ in range(3))
    steps = int(basis.hyperparameters["planning_steps"])
    model = (np.zeros(shape), np.full(shape, UNTRIED))
    return Memory(*model, seen, tally, tried, tries, cell, next_cell, steps)


def learn(agent: Agent, memory: Memory, step: Step) -> None:
    """One real step of Q-learning, then some remembered ones."""
    s, a = step.s, step.a
    q_next = 0.0 if step.terminated else highest(agent, step.s_next)
    learn_from(agent, s, a, td_error(value(agent, s, a), step.r, agent.gamma, q_next))
    if memory.s_next[s[0], a] == UNTRIED:
        _remember(memory, s[0], a)
    memory.r[s[0], a] = step.r
    memory.s_next[s[0], a] = END if step.terminated else step.s_next[0]
    for _ in range(memory.steps):
        _plan(agent, memory)


def _remember(memory: Memory, cell: int, a: int) -> None:
    """An action was taken in a cell for the first time."""
    if memory.tries[cell] == 0:
        memory.seen[memory.tally[0]] = cell
        memory.tally[0] += 1
    memory.tried[cell, memory.tries[cell]] = a
    memory.tries[cell] += 1


def _plan(agent: Agent, memory: Memory) -> None:
    """Learn from a remembered step: of a cell that was seen, an action that was taken there."""
    cell = memory.seen[int(draw(agent) * memory.tally[0])]
    a = memory.tried[cell, int(draw(agent) * memory.tries[cell])]
    memory.cell[0] = cell
    memory.next_cell[0] = memory.s_next[cell, a]
    q_next = 0.0 if memory.next_cell[0] == END else highest(agent, memory.next_cell)
    delta = td_error(value(agent, memory.cell, a), memory.r[cell, a], agent.gamma, q_next)
    learn_from(agent, memory.cell, a, delta)
