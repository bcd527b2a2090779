"""Watkins's Q(lambda): Q-learning that also credits what led here, back to the last exploring action.

Watkins (1989); Sutton and Barto (1998), section 7.6, Figure 7.14.
"""

from __future__ import annotations

from qsweep.learning.agent.agent import Agent, Step
from qsweep.learning.agent.traces import Traces, credit, cut, fade, mark, traces
from qsweep.learning.agent.values import highest, value
from qsweep.learning.algorithms import Basis
from qsweep.learning.algorithms.q_learning import td_error

HYPERPARAMETERS = ("trace_decay", "traces")
BY_TURNS = False


def memory(basis: Basis) -> Traces:
    """The traces."""
    return traces(basis.q, basis.gamma, **basis.hyperparameters)


def forget(agent: Agent, memory: Traces) -> None:
    """An episode begins without traces."""
    cut(memory)


def learn(agent: Agent, memory: Traces, step: Step) -> None:
    """Credit all traces with the TD error, then let them fade; what was not greedy has cut them before."""
    s, a = step.s, step.a
    q, q_next = value(agent, s, a), 0.0 if step.terminated else highest(agent, step.s_next)
    if q != highest(agent, s):
        cut(memory)
    mark(memory, s, a)
    credit(agent, memory, td_error(q, step.r, agent.gamma, q_next))
    fade(memory)
