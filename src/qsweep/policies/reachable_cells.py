"""The cells of a Q-table that training can update, where that is known.

A cell is updated when an action is taken in it. Cells of terminal states, and cells that no sequence of
actions leads to, keep their initial values whatever the training.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from qsweep.config import Env
from qsweep.environments.grid import Grid, cells_at
from qsweep.environments.twins import mountain_car as car
from qsweep.policies.optimum.environment_tables import observed_tables
from qsweep.system.arrays import Floats

FINENESS = (1800, 1400)
"""Numbers of small areas along position and velocity; trajectories in one area count as one."""
STARTS = 2000
PART = 2**14

Mask = npt.NDArray[np.bool_]


@lru_cache(maxsize=8)
def reachable_cells(env: Env, grid: Grid) -> Mask | None:
    """Return which cells training can update, bool[cells in C order]; None if that is unknown.

    With transition tables it is exact. For MountainCar-v0 trajectories are followed from many starts, one in
    each of many small areas; a cell of which they miss the last corner may count as out of reach.
    """
    if env.altered:
        return None
    if env.id == "MountainCar-v0":
        return None if env.kwargs else _mask(grid, _mountain_car())
    tables = observed_tables(env)
    return None if tables is None else _mask(grid, tables.observations)


def _mask(grid: Grid, observations: Floats) -> Mask:
    reached = np.zeros(grid.cells, np.bool_)
    for first in range(0, len(observations), PART):  # of a size for the processor's cache
        reached[cells_at(grid, observations[first : first + PART]).ravel()] = True
    return reached


@lru_cache(maxsize=1)
def _mountain_car() -> Floats:
    """Return states, float64[n, 2], that trajectories of MountainCar pass before they end."""
    position = np.linspace(-0.6, -0.4, STARTS)
    velocity = np.zeros(STARTS)
    seen = np.zeros(FINENESS[0] * FINENESS[1], np.bool_)
    found = [(position, velocity)]
    while len(position):
        position, velocity = _after_each_action(position, velocity)
        x = (position - car.MIN_POSITION) / (car.MAX_POSITION - car.MIN_POSITION)
        y = (velocity + car.MAX_SPEED) / (2 * car.MAX_SPEED)
        column, row = (
            np.minimum(part * n, n - 1).astype(np.int64) for part, n in zip((x, y), FINENESS, strict=True)
        )
        area = column * FINENESS[1] + row
        going = (position < car.GOAL_POSITION) | (velocity < 0)
        new = np.flatnonzero(going & ~seen[area])
        areas, first = np.unique(area[new], return_index=True)
        seen[areas] = True
        position, velocity = position[new[first]], velocity[new[first]]
        found.append((position, velocity))
    states = np.concatenate([np.column_stack(pair) for pair in found])
    return states.astype(np.float32).astype(np.float64)


def _after_each_action(position: Floats, velocity: Floats) -> tuple[Floats, Floats]:
    """Return positions and velocities after each action, as `mountain_car.step` computes them."""
    pull = np.cos(3 * position) * (-car.GRAVITY)
    pushed = [velocity + (action - 1) * car.FORCE + pull for action in range(3)]
    velocity = np.clip(np.concatenate(pushed), -car.MAX_SPEED, car.MAX_SPEED)
    position = np.clip(np.tile(position, 3) + velocity, car.MIN_POSITION, car.MAX_POSITION)
    return position, np.where((position == car.MIN_POSITION) & (velocity < 0), 0.0, velocity)
