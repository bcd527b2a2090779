"""The learner of a run: its agent, with the algorithm's memory and functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from qsweep.environments.grid import lattice
from qsweep.environments.resolved import Resolved
from qsweep.learning.agent import acting
from qsweep.learning.agent.agent import Agent
from qsweep.learning.agent.exploration import EXPLORATIONS, UCB
from qsweep.learning.algorithms import Basis, algorithm
from qsweep.learning.compiler.compilation import specialised
from qsweep.learning.initial_table import first_table
from qsweep.seeds import streams


@dataclass(frozen=True)
class Learner:
    """An agent, its algorithm's memory, and the plain functions by which it acts and learns."""

    agent: Agent
    memory: Any
    begin: Callable[..., int]
    observe: Callable[..., int]


def learner(run: Resolved) -> Learner:
    """Return the learner of a run before its first episode."""
    config, chosen = run.config, algorithm(run.config.algorithm)
    agent = _agent(run)
    memory = chosen.memory(
        Basis(
            q=agent.q,
            another_table=lambda: first_table(run, 1).reshape(agent.q.shape),
            tilings=run.grid.tilings,
            max_steps=run.max_steps,
            gamma=agent.gamma,
            tutorial=config.terminal_rule == "tutorial",
            hyperparameters={key: getattr(config, key) for key in chosen.hyperparameters},
        )
    )
    return Learner(agent, memory, *acting_functions(config.algorithm))


@cache
def acting_functions(name: str) -> tuple[Callable[..., int], Callable[..., int]]:
    """Return `acting.begin` and `acting.observe`, specialised for an algorithm."""
    chosen = algorithm(name)
    begin = specialised(acting.begin, {"forget": chosen.forget})
    names = {"learn": chosen.learn, "NEEDS_NEXT_ACTION": chosen.needs_next_action}
    return begin, specialised(acting.observe, names)


def _agent(run: Resolved) -> Agent:
    config, cells, tilings = run.config, run.grid.cells, run.grid.tilings
    actions = run.description.actions
    decaying, exploration = config.learning_rate_schedule == "visits", EXPLORATIONS[config.exploration]
    counted_cells = cells if decaying or exploration == UCB else 0
    return Agent(
        q=first_table(run).reshape(cells, actions),
        lattice=lattice(run.grid),
        s=np.zeros(tilings, np.int64),
        s_next=np.zeros(tilings, np.int64),
        available=np.array(run.description.available or (), np.int64),
        visits=np.zeros((counted_cells, actions), np.int64),
        entered=np.zeros(cells, np.int64),
        rates=np.zeros(2),
        now=np.zeros(2, np.int64),
        preferences=np.zeros(actions),
        policy=np.zeros(actions),
        gamma=config.discount,
        decaying=decaying,
        exploration=exploration,
        parameter=float(config.temperature or config.confidence or 0.0),
        random_ties=config.ties == "random",
        key=np.array([streams(config.seed).exploration], np.uint64),
    )
