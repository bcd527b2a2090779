"""Eligibility traces: how much each value of the table is credited with what happens now.

Sutton and Barto (2018), section 12.2 (accumulating); Singh and Sutton (1996) (replacing).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from qsweep.learning.agent.agent import Agent, Floats, Ints
from qsweep.learning.agent.values import step_size

FAINTEST = 1e-10
"""A trace below this is dropped."""


class Traces(NamedTuple):
    """The traces of an agent.

    e float64[cells, actions]. active int64[cells * actions, 2]: cell and action of those that are not 0,
    `tally` int64[1] of them. decay: gamma lambda, by which they fade in a step.
    """

    e: Floats
    active: Ints
    tally: Ints
    decay: float
    replacing: bool


def traces(q: Floats, gamma: float, trace_decay: float, traces: str) -> Traces:
    """No traces yet, for a table `q` float64[cells, actions]."""
    active = np.zeros((q.size, 2), np.int64)
    return Traces(
        np.zeros(q.shape), active, np.zeros(1, np.int64), gamma * trace_decay, traces == "replacing"
    )


def mark(traces: Traces, s: Any, a: int) -> None:
    """Action `a` was taken in state `s`."""
    for i in range(len(s)):
        if traces.e[s[i], a] == 0.0:
            traces.active[traces.tally[0], 0], traces.active[traces.tally[0], 1] = s[i], a
            traces.tally[0] += 1
        traces.e[s[i], a] = 1.0 if traces.replacing else traces.e[s[i], a] + 1.0


def credit(agent: Agent, traces: Traces, delta: float) -> None:
    """Q <- Q + alpha delta e."""
    for i in range(traces.tally[0]):
        cell, a = traces.active[i, 0], traces.active[i, 1]
        agent.q[cell, a] += step_size(agent, cell, a) * delta * traces.e[cell, a]


def fade(traces: Traces) -> None:
    """Let all traces fade by one step."""
    kept = 0
    for i in range(traces.tally[0]):
        cell, a = traces.active[i, 0], traces.active[i, 1]
        traces.e[cell, a] *= traces.decay
        if traces.e[cell, a] < FAINTEST:
            traces.e[cell, a] = 0.0
        else:
            traces.active[kept, 0], traces.active[kept, 1] = cell, a
            kept += 1
    traces.tally[0] = kept


def cut(traces: Traces) -> None:
    """Forget all traces."""
    for i in range(traces.tally[0]):
        traces.e[traces.active[i, 0], traces.active[i, 1]] = 0.0
    traces.tally[0] = 0
