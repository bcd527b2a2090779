"""The learner of a task: its agent, with the algorithm's memory and functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from qsweep.environments.grid import lattice
from qsweep.learning.agent import acting
from qsweep.learning.agent.agent import ALPHA, EPSILON, Agent
from qsweep.learning.agent.exploration import EXPLORATIONS, UCB
from qsweep.learning.algorithms import Basis, algorithm
from qsweep.learning.compiler.compilation import specialised
from qsweep.learning.task import Task


@dataclass(frozen=True)
class Learner:
    """An agent, its algorithm's memory, and the plain functions by which it acts and learns."""

    agent: Agent
    memory: Any
    begin: Callable[..., int]
    observe: Callable[..., int]


def learner(task: Task) -> Learner:
    """Return the learner of a task before its first episode."""
    chosen = algorithm(task.config.algorithm)
    agent = _agent(task)
    memory = chosen.memory(
        Basis(
            q=agent.q,
            another_table=lambda: task.table(1).reshape(agent.q.shape),
            tilings=task.grid.tilings,
            max_steps=task.resolved.max_steps,
            gamma=agent.gamma,
            tutorial=task.config.terminal_rule == "tutorial",
            hyperparameters={key: getattr(task.config, key) for key in chosen.hyperparameters},
        )
    )
    return Learner(agent, memory, *acting_functions(task.config.algorithm))


@cache
def acting_functions(name: str) -> tuple[Callable[..., int], Callable[..., int]]:
    """Return `acting.begin` and `acting.observe`, specialised for an algorithm."""
    chosen = algorithm(name)
    begin = specialised(acting.begin, {"forget": chosen.forget})
    names = {"learn": chosen.learn, "NEEDS_NEXT_ACTION": chosen.needs_next_action}
    return begin, specialised(acting.observe, names)


def _agent(task: Task) -> Agent:
    config, cells, tilings = task.config, task.grid.cells, task.grid.tilings
    decaying, exploration = config.learning_rate_schedule == "visits", EXPLORATIONS[config.exploration]
    counted_cells = cells if decaying or exploration == UCB else 0
    return Agent(
        q=task.table(0).reshape(cells, task.actions),
        lattice=lattice(task.grid),
        s=np.zeros(tilings, np.int64),
        s_next=np.zeros(tilings, np.int64),
        available=np.array(task.resolved.description.available or (), np.int64),
        visits=np.zeros((counted_cells, task.actions), np.int64),
        rates=np.zeros(2),
        now=np.zeros(2, np.int64),
        preferences=np.zeros(task.actions),
        policy=np.zeros(task.actions),
        gamma=config.discount,
        decaying=decaying,
        exploration=exploration,
        parameter=float(config.temperature or config.confidence or 0.0),
        random_ties=config.ties == "random",
        key=np.array([task.exploration_key], np.uint64),
    )


def rates_of(task: Task, episodes: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return `Agent.rates` of episodes [n], float64[n, 2]: epsilon, at most 1, and a cell's step size."""
    rates = np.empty((len(episodes), 2))
    rates[:, EPSILON] = np.minimum(task.epsilon(episodes), 1.0)
    rates[:, ALPHA] = task.learning_rate(episodes) / task.grid.tilings
    return rates
