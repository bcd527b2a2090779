"""An agent: its table, where it is, how it goes about exploring."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from qsweep.environments.grid import Lattice

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EPSILON, ALPHA = 0, 1
"""Places in `Agent.pace`."""
DRAWS, ACTION = 0, 1
"""Places in `Agent.now`."""


class Agent(NamedTuple):
    """What every algorithm works on; s stands for the cells of a state, one in every tiling.

    q: float64[cells, actions]; the value of an action in a state is the sum over the state's cells.
    s, s_next: int64[tilings], the state it is in and the one it came to. available: int64[cells], how
    many of the actions there are in a cell, or of length 0: all of them. visits: int64[cells, actions],
    or of length 0 where nobody asks. pace: this episode's epsilon, and the step size of one cell. now:
    random draws so far, and the action chosen last. row, policy: float64[actions], to write into.
    gamma: the discount. falling: whether the step size falls with the visits. exploration, parameter
    and random_ties: see `choosing`. key uint64[1]: of the random draws.
    """

    q: Floats
    lattice: Lattice
    s: Ints
    s_next: Ints
    available: Ints
    visits: Ints
    pace: Floats
    now: Ints
    row: Floats
    policy: Floats
    gamma: float
    falling: bool
    exploration: int
    parameter: float
    random_ties: bool
    key: Any


class Step(NamedTuple):
    """One step: in state s action a brought the reward r and led to state s_next.

    s, s_next: int64[tilings], cells. a_next: the action chosen there, -1 if none is yet. s_next and a_next
    mean nothing where the step terminated the episode; where it was truncated, they do.
    """

    s: Ints
    a: int
    r: float
    s_next: Ints
    a_next: int
    terminated: bool
    truncated: bool
