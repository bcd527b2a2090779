"""Sarsa(lambda): Sarsa that also updates the steps before.

Rummery and Niranjan (1994); Sutton and Barto (2018), section 12.7, with tables or tiles as features.
"""

from __future__ import annotations

from qsweep.learning.agent.agent import Agent, Step
from qsweep.learning.agent.traces import Traces, decay_traces, increment_trace, update_values
from qsweep.learning.agent.values import value
from qsweep.learning.algorithms.q_lambda import HYPERPARAMETERS, forget, memory
from qsweep.learning.algorithms.sarsa import td_error

__all__ = ["HYPERPARAMETERS", "forget", "learn", "memory"]

INTERLEAVED = False
NEEDS_NEXT_ACTION = True


def learn(agent: Agent, memory: Traces, step: Step) -> None:
    """Update all values with a trace by the TD error, then decay the traces."""
    s, a = step.s, step.a
    q_next = 0.0 if step.terminated else value(agent, step.s_next, step.a_next)
    increment_trace(memory, s, a)
    update_values(agent, memory, td_error(value(agent, s, a), step.r, agent.gamma, q_next))
    decay_traces(memory)
