"""The twin of any environment that is defined by its transition tables, as Gymnasium's toy-text ones are.

P[state][action] is a list of outcomes (probability, next state, reward, terminated). At each reset and each
step one number, uniform in [0, 1), selects the first outcome whose cumulative probability exceeds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from qsweep.environments.twins.pcg64 import uniform
from qsweep.environments.twins.twin import Twin
from qsweep.system.arrays import Floats

OUTCOME = 4
"""Numbers per outcome: cumulative probability, next state, reward, terminated (0 or 1)."""


def twin(p: Mapping[int, Any], start: Sequence[float], actions: int) -> Twin:
    """Return the twin of transition tables; start: the probability of each state at a reset, float[states].

    Raises KeyError, IndexError, TypeError or ValueError if the tables have another form.
    """
    rows = [[(chance, state, 0.0, False) for state, chance in enumerate(start)]]
    rows += [list(p[state][action]) for state in range(len(start)) for action in range(actions)]
    if any(
        int(outcome[1]) != outcome[1] or not 0 <= outcome[1] < len(start) for row in rows for outcome in row
    ):
        raise ValueError("a next state that does not exist")
    return Twin(step, reset=reset, sizes=(1, 1), constants=_constants(rows, actions))


def _constants(rows: Sequence[Sequence[Any]], actions: int) -> Floats:
    """Return the number of actions, the offset of each row (the first is the reset), then all outcomes."""
    if any(not row for row in rows):
        raise ValueError("a state without outcomes")
    offsets = np.cumsum([0, *map(len, rows)])
    outcomes = [
        np.column_stack([np.cumsum([o[0] for o in row]), [[float(x) for x in o[1:4]] for o in row]])
        for row in rows
    ]
    header = 1 + len(offsets)
    return np.concatenate([[actions], header + OUTCOME * offsets, np.concatenate(outcomes).ravel()])


def _sample(random: Any, constants: Floats, row: int) -> int:
    """Return the offset in `constants` of the outcome that the next random number selects."""
    u = uniform(random)
    begin, end = int(constants[1 + row]), int(constants[2 + row])
    low, high = 0, (end - begin) // OUTCOME
    count = high
    while low < high:
        middle = (low + high) // 2
        if constants[begin + OUTCOME * middle] > u:
            high = middle
        else:
            low = middle + 1
    if low == count:  # the probabilities sum to less than 1: numpy's argmax of all False is 0
        low = 0
    return begin + OUTCOME * low


def reset(random: Any, constants: Floats, state: Floats, observation: Floats) -> None:
    """Draw a start state."""
    state[0] = constants[_sample(random, constants, 0) + 1]
    observation[0] = state[0]


def step(
    random: Any, constants: Floats, state: Floats, action: int, observation: Floats
) -> tuple[float, bool]:
    """Draw an outcome of the action."""
    outcome = _sample(random, constants, 1 + int(state[0]) * int(constants[0]) + action)
    state[0] = constants[outcome + 1]
    observation[0] = state[0]
    return constants[outcome + 2], constants[outcome + 3] != 0.0
