"""First-visit Monte Carlo control: learn from the returns of complete episodes, without bootstrapping.

Sutton and Barto (2018), section 5.4; with `learning_rate_schedule=visits` a value is the mean of the returns.
The return of an episode that the step limit truncated is unknown: the value of the next action replaces
the rest.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from qsweep.learning.agent.agent import ALPHA, Agent, Step
from qsweep.learning.agent.values import value
from qsweep.learning.algorithms import Basis
from qsweep.system.arrays import Floats, Ints

NEEDS_NEXT_ACTION = True
SUPPORTS_TILES = False
MAX_STEPS = 1_000_000
"""The maximum number of steps of an episode: all are kept in memory."""


class EpisodeBuffer(NamedTuple):
    """The steps of the current episode: s int64[steps, 1], a int64[steps], r float64[steps].

    first bool[steps]: the step is the first visit to its cell and action. last_episode
    int64[cells, actions]: the episode of the last visit. returns int64[cells, actions]: the number of
    returns learned from. counts int64[2]: the number of episodes, and of steps in this one.
    """

    s: Ints
    a: Ints
    r: Floats
    first: Any
    last_episode: Ints
    returns: Ints
    counts: Ints


def memory(basis: Basis) -> EpisodeBuffer:
    """Return an empty buffer for an episode of `max_steps`."""
    steps = basis.max_steps
    states, actions = np.empty((steps, 1), np.int64), np.empty(steps, np.int64)
    last_episode, returns = np.zeros(basis.q.shape, np.int64), np.zeros(basis.q.shape, np.int64)
    first, counts = np.empty(steps, np.bool_), np.zeros(2, np.int64)
    return EpisodeBuffer(states, actions, np.empty(steps), first, last_episode, returns, counts)


def forget(agent: Agent, memory: EpisodeBuffer) -> None:
    """Empty the buffer."""
    memory.counts[0] += 1
    memory.counts[1] = 0


def learn(agent: Agent, memory: EpisodeBuffer, step: Step) -> None:
    """Store the step; at the end of the episode, learn from the return that followed each first visit."""
    s, a = step.s, step.a
    t = memory.counts[1]
    memory.counts[1] += 1
    memory.s[t, 0], memory.a[t], memory.r[t] = s[0], a, step.r
    memory.first[t] = memory.last_episode[s[0], a] != memory.counts[0]
    memory.last_episode[s[0], a] = memory.counts[0]
    if not (step.terminated or step.truncated):
        return
    g = 0.0 if step.terminated else value(agent, step.s_next, step.a_next)
    for i in range(t, -1, -1):
        g = memory.r[i] + agent.gamma * g
        if memory.first[i]:
            _average(agent, memory, memory.s[i, 0], memory.a[i], g)


def _average(agent: Agent, memory: EpisodeBuffer, cell: int, a: int, g: float) -> None:
    """Update a value towards a return g.

    A step size that decays is divided by the number of returns: visits also count repeated ones.
    """
    memory.returns[cell, a] += 1
    alpha = agent.rates[ALPHA] / memory.returns[cell, a] if agent.decaying else agent.rates[ALPHA]
    agent.q[cell, a] += alpha * (g - agent.q[cell, a])
