"""Sarsa(lambda): Sarsa that also credits the actions that led here.

Rummery and Niranjan (1994); Sutton and Barto (2018), section 12.7, with tables or tiles as features.
"""

from __future__ import annotations

from qsweep.learning.agent.agent import Agent, Step
from qsweep.learning.agent.traces import Traces, credit, fade, mark
from qsweep.learning.agent.values import value
from qsweep.learning.algorithms.q_lambda import HYPERPARAMETERS, forget, memory
from qsweep.learning.algorithms.sarsa import td_error

__all__ = ["HYPERPARAMETERS", "forget", "learn", "memory"]

BY_TURNS = False
LOOKS_AHEAD = True


def learn(agent: Agent, memory: Traces, step: Step) -> None:
    """Credit all traces with the TD error, then let them fade."""
    s, a = step.s, step.a
    q_next = 0.0 if step.terminated else value(agent, step.s_next, step.a_next)
    mark(memory, s, a)
    credit(agent, memory, td_error(value(agent, s, a), step.r, agent.gamma, q_next))
    fade(memory)
