"""Expected Sarsa: Sarsa with the expectation over the next action instead of one sample.

Van Seijen, van Hasselt, Whiteson and Wiering (2009); Sutton and Barto (2018), section 6.6, equation 6.9.
"""

from __future__ import annotations

from typing import Any

from qsweep.learning.agent.agent import Agent, Step
from qsweep.learning.agent.exploration import expected_value
from qsweep.learning.agent.values import update_value, value


def td_error(q: float, r: float, gamma: float, v_next: float) -> float:
    """Return R + gamma sum_a pi(a | S') Q(S', a) - Q(S, A).

    q: Q(S, A). v_next: the sum, 0 after termination.
    """
    return r + gamma * v_next - q


def learn(agent: Agent, memory: Any, step: Step) -> None:
    """Update Q(S, A) towards the reward and the expected value of the next state under the policy."""
    s, a = step.s, step.a
    v_next = 0.0 if step.terminated else expected_value(agent, step.s_next)
    update_value(agent, s, a, td_error(value(agent, s, a), step.r, agent.gamma, v_next))
