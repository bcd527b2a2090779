"""n-step Sarsa: n rewards, then the value of the action that follows them; n = 1 is Sarsa.

Sutton and Barto (2018), section 7.2, equations 7.4 and 7.5.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qsweep.learning.agent.agent import Agent, Step
from qsweep.learning.agent.values import learn_from, value
from qsweep.learning.algorithms import Basis, Floats, Ints

HYPERPARAMETERS = ("n",)
LOOKS_AHEAD = True


class Memory(NamedTuple):
    """The last n steps, in a ring: s int64[n, tilings], a int64[n], r float64[n], the reward that followed.

    tally int64[1]: steps in the episode.
    """

    s: Ints
    a: Ints
    r: Floats
    tally: Ints


def memory(basis: Basis) -> Memory:
    """An empty ring."""
    n = int(basis.hyperparameters["n"])
    states, actions = np.zeros((n, basis.tilings), np.int64), np.zeros(n, np.int64)
    return Memory(states, actions, np.zeros(n), np.zeros(1, np.int64))


def forget(agent: Agent, memory: Memory) -> None:
    """An episode begins with an empty ring."""
    memory.tally[0] = 0


def n_step_return(r: Floats, first: int, count: int, gamma: float, q_next: float) -> float:
    """R_1 + gamma R_2 + ... + gamma^(count-1) R_count + gamma^count q_next.

    r: float64[n], a ring; the rewards are `tally` of it, from place `first` on.
    """
    g = q_next
    for i in range(count - 1, -1, -1):
        g = r[(first + i) % len(r)] + gamma * g
    return g


def _update(agent: Agent, memory: Memory, tau: int, steps: int, q_next: float) -> None:
    place = tau % len(memory.r)
    s, a = memory.s[place], memory.a[place]
    g = n_step_return(memory.r, place, steps, agent.gamma, q_next)
    learn_from(agent, s, a, g - value(agent, s, a))


def learn(agent: Agent, memory: Memory, step: Step) -> None:
    """Learn about the step n steps ago; at the end of the episode, about all that are left."""
    s, a = step.s, step.a
    n, t = len(memory.r), memory.tally[0]
    memory.tally[0] += 1
    memory.a[t % n], memory.r[t % n] = a, step.r
    for i in range(len(s)):
        memory.s[t % n, i] = s[i]
    q_next = 0.0 if step.terminated else value(agent, step.s_next, step.a_next)
    if t + 1 >= n:
        _update(agent, memory, t + 1 - n, n, q_next)
    if step.terminated or step.truncated:
        for tau in range(max(t + 2 - n, 0), t + 1):
            if not step.terminated:
                q_next = value(agent, step.s_next, step.a_next)
            _update(agent, memory, tau, t + 1 - tau, q_next)
