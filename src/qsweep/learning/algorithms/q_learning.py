"""Q-learning: learn the values of the greedy policy while following another one.

Watkins (1989); Sutton and Barto (2018), section 6.5, equation 6.8.
"""

from __future__ import annotations

from typing import NamedTuple

from qsweep.learning.agent.agent import Agent, Step
from qsweep.learning.agent.values import max_value, update_value, value
from qsweep.learning.algorithms import Basis

SUPPORTS_TUTORIAL_RULE = True


class TerminalRule(NamedTuple):
    """The terminal rule; tutorial: Q(s, a) is set to 0 when the episode terminates."""

    tutorial: bool


def memory(basis: Basis) -> TerminalRule:
    """Return the terminal rule, the only memory beside the Q-table."""
    return TerminalRule(basis.tutorial)


def td_error(q: float, r: float, gamma: float, q_next: float) -> float:
    """Return R + gamma max_a Q(S', a) - Q(S, A). q: Q(S, A). q_next: the maximum, 0 after termination."""
    return r + gamma * q_next - q


def learn(agent: Agent, memory: TerminalRule, step: Step) -> None:
    """Update Q(S, A) towards the reward and the highest value of the next state."""
    s, a = step.s, step.a
    q_next = 0.0 if step.terminated else max_value(agent, step.s_next)
    if step.terminated and memory.tutorial:
        agent.q[s[0], a] = 0.0
    else:
        update_value(agent, s, a, td_error(value(agent, s, a), step.r, agent.gamma, q_next))
