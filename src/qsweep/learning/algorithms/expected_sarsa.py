"""Expected Sarsa: as Sarsa, but with the mean over the next actions instead of one of them.

Van Seijen, van Hasselt, Whiteson and Wiering (2009); Sutton and Barto (2018), section 6.6, equation 6.9.
"""

from __future__ import annotations

from typing import Any

from qsweep.learning.agent.agent import Agent, Step
from qsweep.learning.agent.exploration import expected
from qsweep.learning.agent.values import learn_from, value


def td_error(q: float, r: float, gamma: float, v_next: float) -> float:
    """R + gamma sum_a pi(a | S') Q(S', a) - Q(S, A). v_next: that sum, 0 after termination."""
    return r + gamma * v_next - q


def learn(agent: Agent, memory: Any, step: Step) -> None:
    """Move Q(S, A) towards the reward and what the policy expects to follow."""
    s, a = step.s, step.a
    v_next = 0.0 if step.terminated else expected(agent, step.s_next)
    learn_from(agent, s, a, td_error(value(agent, s, a), step.r, agent.gamma, v_next))
