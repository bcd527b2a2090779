"""Taxi-v4 with a fickle passenger as transition tables: its `P` lacks the change of destination.

With probability `fickle_probability`, drawn at the reset, the destination changes to another one at the first
step in which the taxi moves with the passenger aboard. Nothing that the agent sees depends on that draw
before this step, so each episode may as well draw it then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from qsweep.policies.optimum.tables import Tables, read

ABOARD = 4
"""The passenger's location when in the taxi."""

Outcome = tuple[float, int, float, bool]


def tables(taxi: Any) -> Tables | None:
    """Return the tables of an unwrapped Taxi: each state twice, before that step and, shifted, after it."""
    states = len(taxi.P)
    p: dict[int, dict[int, list[Outcome]]] = {}
    for state, choices in taxi.P.items():
        p[state] = {a: list(_before(taxi, state, outcomes)) for a, outcomes in choices.items()}
        p[state + states] = {
            a: [(chance, after + states, reward, over) for chance, after, reward, over in outcomes]
            for a, outcomes in choices.items()
        }
    start = np.concatenate([taxi.initial_state_distrib, np.zeros(states)])
    return read(p, start, range(int(taxi.action_space.n)), lambda state: (float(state % states),))


def _before(taxi: Any, state: int, outcomes: list[Outcome]) -> Iterator[Outcome]:
    row, column, passenger, destination = taxi.decode(state)
    for chance, after, reward, over in outcomes:
        new_row, new_column, location, _ = taxi.decode(after)
        if passenger != ABOARD or (new_row, new_column) == (row, column):
            yield chance, after, reward, over
            continue
        changes = float(taxi.fickle_probability)
        yield chance * (1 - changes), after + len(taxi.P), reward, over
        others = [place for place in range(len(taxi.locs)) if place != destination]
        for other in others:
            changed = taxi.encode(new_row, new_column, location, other) + len(taxi.P)
            yield chance * changes / len(others), changed, reward, over
