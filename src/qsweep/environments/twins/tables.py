"""The twin of any environment that is its transition tables, as Gymnasium's toy-text ones are.

P[state][action] is a list of outcomes (probability, next state, reward, terminated). At a reset and at each
step one number, uniform in [0, 1), picks the first outcome whose cumulative probability exceeds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from qsweep.environments.twins.pcg64 import uniform
from qsweep.environments.twins.twin import Floats, Twin

OUTCOME = 4
"""Numbers in an outcome: cumulative probability, next state, reward, whether it terminates."""


def twin(p: Mapping[int, Any], start: Sequence[float], actions: int) -> Twin:
    """The twin of tables; start: the probability of each state at a reset, float[states].

    Raises KeyError, IndexError, TypeError or ValueError where they have another form.
    """
    rows = [[(chance, state, 0.0, False) for state, chance in enumerate(start)]]
    rows += [list(p[state][action]) for state in range(len(start)) for action in range(actions)]
    return Twin(step, reset=reset, sizes=(1, 1), constants=_constants(rows, actions))


def _constants(rows: Sequence[Sequence[Any]], actions: int) -> Floats:
    """The number of actions, where each row begins (the first is the start), then all outcomes."""
    if any(not row for row in rows):
        raise ValueError("a state without outcomes")
    begins = np.cumsum([0, *map(len, rows)])
    outcomes = [
        np.column_stack([np.cumsum([o[0] for o in row]), [[float(x) for x in o[1:4]] for o in row]])
        for row in rows
    ]
    head = 1 + len(begins)
    return np.concatenate([[actions], head + OUTCOME * begins, np.concatenate(outcomes).ravel()])


def _pick(random: Any, constants: Floats, row: int) -> int:
    """Where the outcome begins that the next random number picks."""
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
    if low == count:  # the probabilities add up to less than 1: numpy's argmax of nothing is the first
        low = 0
    return begin + OUTCOME * low


def reset(random: Any, constants: Floats, state: Floats, observation: Floats) -> None:
    """Draw a start."""
    state[0] = constants[_pick(random, constants, 0) + 1]
    observation[0] = state[0]


def step(
    random: Any, constants: Floats, state: Floats, action: int, observation: Floats
) -> tuple[float, bool]:
    """Draw what follows."""
    place = _pick(random, constants, 1 + int(state[0]) * int(constants[0]) + action)
    state[0] = constants[place + 1]
    observation[0] = state[0]
    return constants[place + 2], constants[place + 3] != 0.0
