"""Q-learning: learn the values of the greedy policy, whatever is tried.

Watkins (1989); Sutton and Barto (2018), section 6.5, equation 6.8.
"""

from __future__ import annotations

from typing import NamedTuple

from qsweep.learning.agent.agent import Agent, Step
from qsweep.learning.agent.values import highest, learn_from, value
from qsweep.learning.algorithms import Basis

TUTORIAL = True


class Memory(NamedTuple):
    """tutorial: Q(s, a) is set to 0 where the episode terminates."""

    tutorial: bool


def memory(basis: Basis) -> Memory:
    """What it keeps beside the Q-table."""
    return Memory(basis.tutorial)


def td_error(q: float, r: float, gamma: float, q_next: float) -> float:
    """R + gamma max_a Q(S', a) - Q(S, A). q: Q(S, A); q_next: that maximum, 0 after termination."""
    return r + gamma * q_next - q


def learn(agent: Agent, memory: Memory, step: Step) -> None:
    """Move Q(S, A) towards the reward and the best that can follow."""
    s, a = step.s, step.a
    q_next = 0.0 if step.terminated else highest(agent, step.s_next)
    if step.terminated and memory.tutorial:
        agent.q[s[0], a] = 0.0
    else:
        learn_from(agent, s, a, td_error(value(agent, s, a), step.r, agent.gamma, q_next))
