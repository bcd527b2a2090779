"""The state of an agent: its Q-table, its position, its exploration."""

from __future__ import annotations

from typing import Any, NamedTuple

from qsweep.environments.grid import Lattice
from qsweep.system.arrays import Floats, Ints

EPSILON, ALPHA = 0, 1
"""Indices into `Agent.rates`."""
DRAWS, ACTION = 0, 1
"""Indices into `Agent.now`."""


class Agent(NamedTuple):
    """The arrays and numbers that every algorithm works on; s is a state's cells, one per tiling.

    q float64[cells, actions]: the value of an action in a state is the sum over the state's cells.
    s, s_next int64[tilings]: the current state and the next one. available int64[cells]: the number of
    actions in each cell, the first ones; of length 0 if every cell has all. visits int64[cells, actions]:
    counts, or of length 0 if they are not needed. entered int64[cells]: the number of steps that the agent
    learned from, by the cell in which they began. rates float64[2]: epsilon and the step size of one cell
    in this episode. now int64[2]: the number of random draws so far, and the last action. preferences,
    policy float64[actions]: buffers of `exploration`. gamma: the discount. decaying: the step size is
    divided by the visits. exploration, parameter, random_ties: see `exploration`. key uint64[1]: the key of
    the random draws.
    """

    q: Floats
    lattice: Lattice
    s: Ints
    s_next: Ints
    available: Ints
    visits: Ints
    entered: Ints
    rates: Floats
    now: Ints
    preferences: Floats
    policy: Floats
    gamma: float
    decaying: bool
    exploration: int
    parameter: float
    random_ties: bool
    key: Any


class Step(NamedTuple):
    """One step: action a in state s gave the reward r and led to state s_next.

    s, s_next int64[tilings]: cells. a_next: the action chosen in s_next, -1 if none was chosen yet. s_next
    and a_next are valid after a truncation, but undefined if the step terminated the episode.
    """

    s: Ints
    a: int
    r: float
    s_next: Ints
    a_next: int
    terminated: bool
    truncated: bool
