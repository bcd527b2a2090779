"""First-visit Monte Carlo control: learn from whole episodes, without bootstrapping.

Sutton and Barto (2018), section 5.4, with `learning_rate_schedule=visits` the mean of the returns. The return
of an episode that the step limit cut short is not known: it goes on from the value of the next action.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from qsweep.learning.agent.agent import ALPHA, Agent, Step
from qsweep.learning.agent.values import value
from qsweep.learning.algorithms import Basis, Floats, Ints

LOOKS_AHEAD = True
TILES = False
LONGEST = 1_000_000
"""Steps in an episode, at most: they are all kept."""


class Memory(NamedTuple):
    """The episode so far: s int64[steps, 1], a int64[steps], r float64[steps].

    first bool[steps]: whether it was the first visit to that cell and action. seen int64[cells, actions]:
    the episode of the last visit. returns int64[cells, actions]: how many were learned from. tally
    int64[2]: episodes, steps in this one.
    """

    s: Ints
    a: Ints
    r: Floats
    first: Any
    seen: Ints
    returns: Ints
    tally: Ints


def memory(basis: Basis) -> Memory:
    """Room for the longest episode."""
    steps = basis.max_steps
    states, actions = np.empty((steps, 1), np.int64), np.empty(steps, np.int64)
    seen, returns = np.zeros(basis.q.shape, np.int64), np.zeros(basis.q.shape, np.int64)
    first, tally = np.empty(steps, np.bool_), np.zeros(2, np.int64)
    return Memory(states, actions, np.empty(steps), first, seen, returns, tally)


def forget(agent: Agent, memory: Memory) -> None:
    """An episode begins with nothing in it."""
    memory.tally[0] += 1
    memory.tally[1] = 0


def learn(agent: Agent, memory: Memory, step: Step) -> None:
    """Keep the step; at the end of the episode, learn from the return that followed each first visit."""
    s, a = step.s, step.a
    t = memory.tally[1]
    memory.tally[1] += 1
    memory.s[t, 0], memory.a[t], memory.r[t] = s[0], a, step.r
    memory.first[t] = memory.seen[s[0], a] != memory.tally[0]
    memory.seen[s[0], a] = memory.tally[0]
    if not (step.terminated or step.truncated):
        return
    g = 0.0 if step.terminated else value(agent, step.s_next, step.a_next)
    for i in range(t, -1, -1):
        g = memory.r[i] + agent.gamma * g
        if memory.first[i]:
            _average(agent, memory, memory.s[i, 0], memory.a[i], g)


def _average(agent: Agent, memory: Memory, cell: int, a: int, g: float) -> None:
    """Move a value towards a return; its visits count more than the first ones, so it counts returns."""
    memory.returns[cell, a] += 1
    alpha = agent.pace[ALPHA] / memory.returns[cell, a] if agent.falling else agent.pace[ALPHA]
    agent.q[cell, a] += alpha * (g - agent.q[cell, a])
