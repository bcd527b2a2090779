"""Sarsa: learn the values of the policy that the agent follows, exploration included.

Rummery and Niranjan (1994); Sutton and Barto (2018), section 6.4, equation 6.7.
"""

from __future__ import annotations

from typing import Any

from qsweep.learning.agent.agent import Agent, Step
from qsweep.learning.agent.values import update_value, value

NEEDS_NEXT_ACTION = True


def td_error(q: float, r: float, gamma: float, q_next: float) -> float:
    """Return R + gamma Q(S', A') - Q(S, A). q: Q(S, A). q_next: Q(S', A'), 0 after termination."""
    return r + gamma * q_next - q


def learn(agent: Agent, memory: Any, step: Step) -> None:
    """Update Q(S, A) towards the reward and the value of the next action, which was already chosen."""
    s, a = step.s, step.a
    q_next = 0.0 if step.terminated else value(agent, step.s_next, step.a_next)
    update_value(agent, s, a, td_error(value(agent, s, a), step.r, agent.gamma, q_next))
