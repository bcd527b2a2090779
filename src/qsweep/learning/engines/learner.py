"""A task -> the agent that learns it, with its algorithm's memory and functions."""

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
    """An agent, what its algorithm keeps, and the plain functions by which it acts and learns."""

    agent: Agent
    memory: Any
    begin: Callable[..., int]
    observe: Callable[..., int]


def learner(task: Task) -> Learner:
    """The agent of a task, before its first episode."""
    chosen = algorithm(task.config.algorithm)
    agent = _agent(task)
    memory = chosen.memory(
        Basis(
            q=agent.q,
            another=lambda: task.table(1).reshape(agent.q.shape),
            tilings=task.grid.tilings,
            max_steps=task.resolved.max_steps,
            gamma=agent.gamma,
            tutorial=task.config.terminal_rule == "tutorial",
            hyperparameters={key: getattr(task.config, key) for key in chosen.hyperparameters},
        )
    )
    return Learner(agent, memory, *functions(task.config.algorithm))


@cache
def functions(name: str) -> tuple[Callable[..., int], Callable[..., int]]:
    """`acting.begin` and `acting.observe` of an algorithm."""
    chosen = algorithm(name)
    begin = specialised(acting.begin, {"forget": chosen.forget})
    names = {"learn": chosen.learn, "LOOKS_AHEAD": chosen.looks_ahead}
    return begin, specialised(acting.observe, names)


def _agent(task: Task) -> Agent:
    config, cells, tilings = task.config, task.grid.cells, task.grid.tilings
    falling, exploration = config.learning_rate_schedule == "visits", EXPLORATIONS[config.exploration]
    counted = cells if falling or exploration == UCB else 0
    return Agent(
        q=task.table(0).reshape(cells, task.actions),
        lattice=lattice(task.grid),
        s=np.zeros(tilings, np.int64),
        s_next=np.zeros(tilings, np.int64),
        available=np.array(task.resolved.description.available or (), np.int64),
        visits=np.zeros((counted, task.actions), np.int64),
        pace=np.zeros(2),
        now=np.zeros(2, np.int64),
        row=np.zeros(task.actions),
        policy=np.zeros(task.actions),
        gamma=config.discount,
        falling=falling,
        exploration=exploration,
        parameter=float(config.temperature or config.confidence or 0.0),
        random_ties=config.ties == "random",
        key=np.array([task.exploration_key], np.uint64),
    )


def paces(task: Task, episodes: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """What `Agent.pace` is in each of some episodes, float64[n, 2]: epsilon, at most 1, and the step size."""
    pace = np.empty((len(episodes), 2))
    pace[:, EPSILON] = np.minimum(task.epsilon(episodes), 1.0)
    pace[:, ALPHA] = task.learning_rate(episodes) / task.grid.tilings
    return pace
