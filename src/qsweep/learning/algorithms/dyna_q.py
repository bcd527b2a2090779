"""Dyna-Q: Q-learning that also learns from simulated steps of a learned model after every real step.

Sutton (1990); Sutton and Barto (2018), section 8.2. The model holds the latest outcome of every action.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qsweep.learning.agent.agent import Agent, Step
from qsweep.learning.agent.exploration import draw
from qsweep.learning.agent.values import max_value, update_value, value
from qsweep.learning.algorithms import Basis
from qsweep.learning.algorithms.q_learning import td_error
from qsweep.system.arrays import Floats, Ints

HYPERPARAMETERS = ("planning_steps",)
SUPPORTS_TILES = False
INTERLEAVED = False
UNTRIED, END = -2, -1
"""Values of `Model.s_next` in place of a cell: the action was never tried, the episode terminated."""


class Model(NamedTuple):
    """The model: the latest outcomes r float64[cells, actions] and s_next int64[cells, actions].

    visited int64[cells]: the visited cells in order, n_visited int64[1] of them. tried
    int64[cells, actions]: the actions tried in a cell in order, n_tried int64[cells] of them. cell,
    next_cell int64[1]: buffers. planning_steps: the number of simulated steps per real step.
    """

    r: Floats
    s_next: Ints
    visited: Ints
    n_visited: Ints
    tried: Ints
    n_tried: Ints
    cell: Ints
    next_cell: Ints
    planning_steps: int


def memory(basis: Basis) -> Model:
    """Return an empty model."""
    shape, cells = basis.q.shape, len(basis.q)
    visited, n_tried, tried = np.zeros(cells, np.int64), np.zeros(cells, np.int64), np.zeros(shape, np.int64)
    n_visited, cell, next_cell = (np.zeros(1, np.int64) for _ in range(3))
    planning_steps = int(basis.hyperparameters["planning_steps"])
    outcomes = (np.zeros(shape), np.full(shape, UNTRIED))
    return Model(*outcomes, visited, n_visited, tried, n_tried, cell, next_cell, planning_steps)


def learn(agent: Agent, memory: Model, step: Step) -> None:
    """Learn from a real step as Q-learning does, then from simulated ones."""
    s, a = step.s, step.a
    q_next = 0.0 if step.terminated else max_value(agent, step.s_next)
    update_value(agent, s, a, td_error(value(agent, s, a), step.r, agent.gamma, q_next))
    if memory.s_next[s[0], a] == UNTRIED:
        _remember(memory, s[0], a)
    memory.r[s[0], a] = step.r
    memory.s_next[s[0], a] = END if step.terminated else step.s_next[0]
    for _ in range(memory.planning_steps):
        _plan(agent, memory)


def _remember(memory: Model, cell: int, a: int) -> None:
    """Record that an action was taken in a cell for the first time."""
    if memory.n_tried[cell] == 0:
        memory.visited[memory.n_visited[0]] = cell
        memory.n_visited[0] += 1
    memory.tried[cell, memory.n_tried[cell]] = a
    memory.n_tried[cell] += 1


def _plan(agent: Agent, memory: Model) -> None:
    """Learn from a simulated step: a random visited cell, and a random action that was tried there."""
    cell = memory.visited[int(draw(agent) * memory.n_visited[0])]
    a = memory.tried[cell, int(draw(agent) * memory.n_tried[cell])]
    memory.cell[0] = cell
    memory.next_cell[0] = memory.s_next[cell, a]
    q_next = 0.0 if memory.next_cell[0] == END else max_value(agent, memory.next_cell)
    delta = td_error(value(agent, memory.cell, a), memory.r[cell, a], agent.gamma, q_next)
    update_value(agent, memory.cell, a, delta)
