"""Watkins's Q(lambda): Q-learning that also updates the steps before, back to the last exploring action.

Watkins (1989); Sutton and Barto (1998), section 7.6, Figure 7.14.
"""

from __future__ import annotations

from qsweep.learning.agent.agent import Agent, Step
from qsweep.learning.agent.traces import (
    Traces,
    clear_traces,
    decay_traces,
    increment_trace,
    no_traces,
    update_values,
)
from qsweep.learning.agent.values import max_value, value
from qsweep.learning.algorithms import Basis
from qsweep.learning.algorithms.q_learning import td_error

HYPERPARAMETERS = ("trace_decay", "traces")
INTERLEAVED = False


def memory(basis: Basis) -> Traces:
    """Return traces that are all 0."""
    return no_traces(basis.q, basis.gamma, **basis.hyperparameters)


def forget(agent: Agent, memory: Traces) -> None:
    """Clear the traces."""
    clear_traces(memory)


def learn(agent: Agent, memory: Traces, step: Step) -> None:
    """Update all values with a trace by the TD error, then decay; an action that is not greedy cuts them."""
    s, a = step.s, step.a
    q, q_next = value(agent, s, a), 0.0 if step.terminated else max_value(agent, step.s_next)
    if q != max_value(agent, s):
        clear_traces(memory)
    increment_trace(memory, s, a)
    update_values(agent, memory, td_error(q, step.r, agent.gamma, q_next))
    decay_traces(memory)
