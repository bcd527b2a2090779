"""Agents and learners with chosen Q-tables and chosen random draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from qsweep.environments.grid import Grid, lattice
from qsweep.learning.agent.agent import Agent
from qsweep.learning.agent.exploration import EXPLORATIONS
from qsweep.learning.algorithms import Basis, algorithm
from qsweep.learning.engines.learner import Learner, acting_functions
from qsweep.system.arrays import Floats
from tests.support.splitmix64 import uniforms

Interval = tuple[float, float]


def key_for(intervals: Sequence[Interval]) -> int:
    """Return a key whose first draws lie in these intervals [low, high), in order."""
    low, high = np.array(intervals).T
    for key in range(1_000_000):
        draws = uniforms(key, 0, len(intervals))
        if ((low <= draws) & (draws < high)).all():
            return key
    raise AssertionError("no key found")


def agent(
    q: Any,
    *,
    epsilon: float = 0.0,
    alpha: float = 0.5,
    gamma: float = 0.5,
    exploration: str = "epsilon_greedy",
    parameter: float = 0.0,
    random_ties: bool = False,
    decaying: bool = False,
    available: Sequence[int] = (),
    visits: Any = None,
    grid: Grid | None = None,
    key: int = 0,
) -> Agent:
    """Return an agent with the Q-table q float64[cells, actions]; without a grid, cell k is state k."""
    table: Floats = np.array(q, np.float64)
    cells, actions = table.shape
    grid = grid or Grid((0.0,), (float(cells),), (cells,))
    counted = decaying or exploration == "ucb"
    counts = np.zeros((cells if counted else 0, actions), np.int64) if visits is None else np.array(visits)
    return Agent(
        q=table,
        lattice=lattice(grid),
        s=np.zeros(grid.tilings, np.int64),
        s_next=np.zeros(grid.tilings, np.int64),
        available=np.array(available, np.int64),
        visits=counts,
        entered=np.zeros(grid.cells, np.int64),
        rates=np.array([epsilon, alpha / grid.tilings]),
        now=np.zeros(2, np.int64),
        preferences=np.zeros(actions),
        policy=np.zeros(actions),
        gamma=gamma,
        decaying=decaying,
        exploration=EXPLORATIONS[exploration],
        parameter=parameter,
        random_ties=random_ties,
        key=np.array([key], np.uint64),
    )


def learner(
    name: str, made: Agent, second: Any = None, max_steps: int = 100, tutorial: bool = False, **given: Any
) -> Learner:
    """Return an interpreted learner of an agent; second: the second initial table, if there are two."""
    basis = Basis(
        q=made.q,
        another_table=lambda: np.array(second, np.float64),
        tilings=len(made.s),
        max_steps=max_steps,
        gamma=made.gamma,
        tutorial=tutorial,
        hyperparameters=given,
    )
    return Learner(made, algorithm(name).memory(basis), *acting_functions(name))


Outcome = tuple[float, float, bool, bool]
"""The outcome of an action: reward, observation, terminated, truncated."""


def play(learning: Learner, first: float, steps: Sequence[Outcome]) -> list[int]:
    """Run an episode from a one-dimensional observation; return the learner's actions."""
    agent, memory = learning.agent, learning.memory
    with np.errstate(over="ignore"):  # the draws are products that are meant to overflow
        actions = [learning.begin(agent, memory, np.array([first]))]
        for r, observation, terminated, truncated in steps:
            array = np.array([observation])
            actions.append(learning.observe(agent, memory, array, r, terminated, truncated))
    return actions
