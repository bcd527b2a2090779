"""Eligibility traces: the share of each value of the Q-table in the current TD error.

Sutton and Barto (2018), section 12.2 (accumulating); Singh and Sutton (1996) (replacing).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from qsweep.learning.agent.agent import Agent
from qsweep.learning.agent.values import step_size
from qsweep.system.arrays import Floats, Ints

MIN_TRACE = 1e-10
"""Traces below this are set to 0."""


class Traces(NamedTuple):
    """The traces of an agent.

    e float64[cells, actions]. active int64[cells * actions, 2]: cell and action of the traces that are not
    0, n_active int64[1] of them. decay: gamma lambda, their factor per step.
    """

    e: Floats
    active: Ints
    n_active: Ints
    decay: float
    replacing: bool


def no_traces(q: Floats, gamma: float, trace_decay: float, traces: str) -> Traces:
    """Return traces that are all 0, for a table `q` float64[cells, actions]."""
    active = np.zeros((q.size, 2), np.int64)
    return Traces(
        np.zeros(q.shape), active, np.zeros(1, np.int64), gamma * trace_decay, traces == "replacing"
    )


def increment_trace(traces: Traces, s: Any, a: int) -> None:
    """Raise the trace of action `a` in state `s`, which were just taken and visited."""
    for i in range(len(s)):
        if traces.e[s[i], a] == 0.0:
            traces.active[traces.n_active[0], 0], traces.active[traces.n_active[0], 1] = s[i], a
            traces.n_active[0] += 1
        traces.e[s[i], a] = 1.0 if traces.replacing else traces.e[s[i], a] + 1.0


def update_values(agent: Agent, traces: Traces, delta: float) -> None:
    """Q <- Q + alpha delta e."""
    for i in range(traces.n_active[0]):
        cell, a = traces.active[i, 0], traces.active[i, 1]
        agent.q[cell, a] += step_size(agent, cell, a) * delta * traces.e[cell, a]


def decay_traces(traces: Traces) -> None:
    """Multiply all traces by gamma lambda."""
    kept = 0
    for i in range(traces.n_active[0]):
        cell, a = traces.active[i, 0], traces.active[i, 1]
        traces.e[cell, a] *= traces.decay
        if traces.e[cell, a] < MIN_TRACE:
            traces.e[cell, a] = 0.0
        else:
            traces.active[kept, 0], traces.active[kept, 1] = cell, a
            kept += 1
    traces.n_active[0] = kept


def clear_traces(traces: Traces) -> None:
    """Set all traces to 0."""
    for i in range(traces.n_active[0]):
        traces.e[traces.active[i, 0], traces.active[i, 1]] = 0.0
    traces.n_active[0] = 0
