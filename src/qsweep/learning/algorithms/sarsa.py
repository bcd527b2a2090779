"""Sarsa: learn the values of the policy that is followed, exploration included.

Rummery and Niranjan (1994); Sutton and Barto (2018), section 6.4, equation 6.7.
"""

from __future__ import annotations

from typing import Any

from qsweep.learning.agent.agent import Agent, Step
from qsweep.learning.agent.values import learn_from, value

LOOKS_AHEAD = True


def td_error(q: float, r: float, gamma: float, q_next: float) -> float:
    """R + gamma Q(S', A') - Q(S, A). q: Q(S, A); q_next: Q(S', A'), 0 after termination."""
    return r + gamma * q_next - q


def learn(agent: Agent, memory: Any, step: Step) -> None:
    """Move Q(S, A) towards the reward and the value of the next action, which is chosen already."""
    s, a = step.s, step.a
    q_next = 0.0 if step.terminated else value(agent, step.s_next, step.a_next)
    learn_from(agent, s, a, td_error(value(agent, s, a), step.r, agent.gamma, q_next))
