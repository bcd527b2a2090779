"""An agent's part in the steps of an environment that Python steps: plain functions, one call a step.

They also check, count and sum, so that little is left to the interpreter.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from qsweep.environments.guarded import MOST
from qsweep.environments.resolved import Resolved
from qsweep.learning.agent.acting import begin, observe
from qsweep.learning.agent.agent import Agent
from qsweep.learning.engines.learner import Learner
from qsweep.system.arrays import Floats, Ints

OVER, WRONG = -1, -2
"""In place of an action: the episode is over; observation or reward is wrong, and nothing was learned."""


class Record(NamedTuple):
    """An agent, its algorithm's memory, and an episode on its environment.

    observation float64[dimensions]. values float64[dimensions, 2]: the first value of a discrete dimension
    and the last one plus 1; infinite for others. total float64[1], length int64[1]: of the episode so far.
    max_steps: its limit. skips_truncation: nothing is learned from a step that truncates.
    """

    agent: Agent
    memory: Any
    observation: Floats
    values: Floats
    total: Floats
    length: Ints
    max_steps: int
    skips_truncation: bool


def record_of(run: Resolved, learning: Learner) -> Record:
    """Return the record of a run before its first episode."""
    dimensions = run.description.dimensions
    values = [(-np.inf, np.inf) if d.values is None else (d.low, d.high) for d in dimensions]
    return Record(
        agent=learning.agent,
        memory=learning.memory,
        observation=np.zeros(len(dimensions)),
        values=np.array(values, np.float64),
        total=np.zeros(1),
        length=np.zeros(1, np.int64),
        max_steps=run.max_steps,
        skips_truncation=run.config.terminal_rule == "tutorial",
    )


def functions_of(learning: Learner) -> dict[str, Any]:
    """Return what replaces the placeholders `begin` and `observe` of this module."""
    return {"begin": learning.begin, "observe": learning.observe}


def start(record: Record) -> int:
    """Start an episode at its first observation; return the first action."""
    record.total[0] = 0.0
    record.length[0] = 0
    return begin(record.agent, record.memory, record.observation)


def advance(record: Record, r: float, terminated: bool, truncated: bool) -> int:
    """Learn from a step to the observation in the record; return the next action, OVER or WRONG."""
    if not (-MOST <= r <= MOST and is_in_space(record)):
        return WRONG
    record.total[0] += r
    record.length[0] += 1
    truncated = not terminated and (truncated or record.length[0] >= record.max_steps)
    if truncated and record.skips_truncation:
        return OVER
    return observe(record.agent, record.memory, record.observation, r, terminated, truncated)


def is_in_space(record: Record) -> bool:
    """Return whether the observation lies in its space, as `encoding` defines it."""
    for d in range(len(record.observation)):
        x, first = record.observation[d], record.values[d, 0]
        if first == -math.inf:
            if math.isnan(x):
                return False
        elif not (first <= x < record.values[d, 1] and math.floor(x) == x):
            return False
    return True
