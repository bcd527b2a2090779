"""n-step Sarsa: n rewards, then the value of the next action; n = 1 is Sarsa.

Sutton and Barto (2018), section 7.2, equations 7.4 and 7.5.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qsweep.learning.agent.agent import Agent, Step
from qsweep.learning.agent.values import update_value, value
from qsweep.learning.algorithms import Basis
from qsweep.system.arrays import Floats, Ints

HYPERPARAMETERS = ("n",)
NEEDS_NEXT_ACTION = True


class StepBuffer(NamedTuple):
    """A ring buffer of the last n steps: s int64[n, tilings], a int64[n], r float64[n].

    steps int64[1]: the number of steps in the episode.
    """

    s: Ints
    a: Ints
    r: Floats
    steps: Ints


def memory(basis: Basis) -> StepBuffer:
    """Return an empty buffer of n steps."""
    n = int(basis.hyperparameters["n"])
    states, actions = np.zeros((n, basis.tilings), np.int64), np.zeros(n, np.int64)
    return StepBuffer(states, actions, np.zeros(n), np.zeros(1, np.int64))


def forget(agent: Agent, memory: StepBuffer) -> None:
    """Empty the buffer."""
    memory.steps[0] = 0


def n_step_return(r: Floats, first: int, count: int, gamma: float, q_next: float) -> float:
    """Return R_1 + gamma R_2 + ... + gamma^(count-1) R_count + gamma^count q_next.

    r float64[n]: a ring buffer; R_1 to R_count are its elements from index `first` on.
    """
    g = q_next
    for i in range(count - 1, -1, -1):
        g = r[(first + i) % len(r)] + gamma * g
    return g


def _update(agent: Agent, memory: StepBuffer, tau: int, steps: int, q_next: float) -> None:
    i = tau % len(memory.r)
    s, a = memory.s[i], memory.a[i]
    g = n_step_return(memory.r, i, steps, agent.gamma, q_next)
    update_value(agent, s, a, g - value(agent, s, a))


def learn(agent: Agent, memory: StepBuffer, step: Step) -> None:
    """Learn from the step n steps ago; at the end of the episode, from all that are left."""
    s, a = step.s, step.a
    n, t = len(memory.r), memory.steps[0]
    memory.steps[0] += 1
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
