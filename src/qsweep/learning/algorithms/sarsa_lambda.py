"""Sarsa(lambda): Sarsa that also credits the actions that led here.

Rummery and Niranjan (1994); Sutton and Barto (2018), section 12.7, with tables or tiles as features.
"""

from __future__ import annotations

from qsweep.learning.agent.agent import Agent, Step
from qsweep.learning.agent.traces import Traces, credit, cut, fade, mark, traces
from qsweep.learning.agent.values import value
from qsweep.learning.algorithms import Basis

HYPERPARAMETERS = ("trace_decay", "traces")
BY_TURNS = False
LOOKS_AHEAD = True


def memory(basis: Basis) -> Traces:
    """The traces."""
    return traces(basis.q, basis.gamma, **basis.hyperparameters)


def td_error(q: float, r: float, gamma: float, q_next: float) -> float:
    """R + gamma Q(S', A') - Q(S, A). q: Q(S, A); q_next: Q(S', A'), 0 after termination."""
    return r + gamma * q_next - q


def forget(agent: Agent, memory: Traces) -> None:
    """An episode begins without traces."""
    cut(memory)


def learn(agent: Agent, memory: Traces, step: Step) -> None:
    """Credit all traces with the TD error, then let them fade."""
    s, a = step.s, step.a
    q_next = 0.0 if step.terminated else value(agent, step.s_next, step.a_next)
    mark(memory, s, a)
    credit(agent, memory, td_error(value(agent, s, a), step.r, agent.gamma, q_next))
    fade(memory)
