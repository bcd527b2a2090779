"""Measure MountainCar-v0's optimum anew, beside the shipped one; 20 s of one core and 300 MB of memory.

    python benchmarks/mountain_car_optimum.py

How. Value iteration (Sutton and Barto 2018, section 4.4), undiscounted, 200 sweeps from zero, on a
grid of 2401 positions x 1681 velocities with bilinear interpolation. Interpolating between whole
numbers of steps blurs them: the values at the starts average -97.706, too low. So the values only
guide a policy, which takes the best of the three actions one step ahead, in the dynamics themselves,
in float64. What it attains from 100,000 starts spread evenly over [-0.6, -0.4) is `STEPS` in
qsweep/policies/optimum/mountain_car.py: -97.656 on average.

How far off it may be. The policy is a real one, so the optimum is not lower, but for the spacing
of the starts (below 0.001). Finer grids gain little: 401 x 281 attains -97.811, 801 x 561 -97.678,
1601 x 1121 -97.658. Nothing proves that no policy does better, but a search for ways one step
shorter, through all states that the values put within 1.5 steps of such a way, found one from a
single start of 2,000: 0.0005 on average. So it is approximate, and trusted to 0.01. A smaller
search is in tests/test_mountain_car_optimum.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from qsweep.environments.twins import mountain_car as car
from qsweep.policies.optimum.mountain_car import STARTS, STEPS

GRID = (2401, 1681)
"""Positions and velocities."""
LIMIT = 200
"""Steps: MountainCar-v0's own limit, and the number of sweeps. No start needs as many."""

Axes = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]
"""The positions and the velocities of a grid, evenly spaced; its nodes are numbered position by position."""


@dataclass(frozen=True)
class Estimate:
    """steps: as `STEPS`, attained. predicted: the mean value of the starts, on the grid."""

    steps: dict[int, int]
    predicted: float

    @property
    def attained(self) -> float:
        """The mean return of the rollouts."""
        return -sum(steps * starts for steps, starts in self.steps.items()) / sum(self.steps.values())


def measure(grid: tuple[int, int] = GRID, starts: int = STARTS) -> Estimate:
    """Measure `STEPS` anew, as described above, on a grid of positions and velocities."""
    axes = axes_of(grid)
    places = -0.6 + 0.2 * (np.arange(starts) + 0.5) / starts
    values = values_on(axes)
    lengths, predicted = roll_out(axes, values, places), predict(axes, values, places)
    steps, counts = np.unique(lengths, return_counts=True)
    return Estimate(dict(zip(steps.tolist(), counts.tolist(), strict=True)), float(predicted.mean()))


def axes_of(grid: tuple[int, int]) -> Axes:
    """The axes of a grid over all states of the car."""
    positions = np.linspace(car.MIN_POSITION, car.MAX_POSITION, grid[0])
    return positions, np.linspace(-car.MAX_SPEED, car.MAX_SPEED, grid[1])


def values_on(axes: Axes) -> npt.NDArray[np.float32]:
    """The value of every node with `LIMIT` steps to go, float32[nodes]."""
    node, x, y = moves(axes)
    values = np.zeros(len(node), np.float32)
    for _ in range(LIMIT):
        values = sweep(len(axes[1]), node, x, y, values)
    return values


_step = njit(FunctionType(car.step.__code__, {**vars(car), "cos": math.cos}))  # the C library's
_WORLD = (np.zeros(4, np.uint64), np.zeros(1))
"""Random stream and constants of a twin's step; the car uses neither."""


@njit
def _place(axes: Any, position: float, velocity: float) -> tuple[int, float, float]:
    """The node below a state, and how far the state is from it to the next, from 0 to 1, by axis."""
    positions, velocities = axes
    x = (position - positions[0]) / (positions[1] - positions[0])
    y = (velocity - velocities[0]) / (velocities[1] - velocities[0])
    i, j = min(int(x), len(positions) - 2), min(int(y), len(velocities) - 2)
    return i * len(velocities) + j, x - i, y - j


@njit
def _between(values: Any, row: int, node: int, x: float, y: float) -> float:
    """Bilinear interpolation; `row` is the number of velocities."""
    low = (1 - y) * values[node] + y * values[node + 1]
    high = (1 - y) * values[node + row] + y * values[node + row + 1]
    return (1 - x) * low + x * high  # type: ignore[no-any-return]


@njit
def moves(axes: Any) -> Any:
    """Where each node and action lead: node [nodes, 3], -1 at the goal; x and y within its cell."""
    nodes = len(axes[0]) * len(axes[1])
    node = np.empty((nodes, 3), np.int32)
    x, y = np.empty((nodes, 3), np.float32), np.empty((nodes, 3), np.float32)
    state, observation = np.empty(2), np.empty(2)
    place = 0
    for position in axes[0]:
        for velocity in axes[1]:
            for action in range(3):
                state[0], state[1] = position, velocity
                _, over = _step(_WORLD[0], _WORLD[1], state, action, observation)
                below, along, across = _place(axes, state[0], state[1])
                node[place, action] = -1 if over else below
                x[place, action], y[place, action] = along, across
            place += 1
    return node, x, y


@njit
def sweep(row: int, node: Any, x: Any, y: Any, before: Any) -> Any:
    """One more step to go: values float32[nodes] from those `before`."""
    after = np.empty_like(before)
    for place in range(len(before)):
        best = -np.inf
        for action in range(3):
            below = node[place, action]
            value = 0.0
            if below >= 0:
                value = _between(before, row, below, x[place, action], y[place, action])
            best = max(best, value)
        after[place] = best - 1
    return after


@njit
def roll_out(axes: Any, values: Any, starts: Any) -> Any:
    """How many steps, int64[n], episodes greedy in `values` take from positions float64[n] at rest."""
    lengths = np.empty(len(starts), np.int64)
    state, tried, observation = np.empty(2), np.empty(2), np.empty(2)
    for episode in range(len(starts)):
        state[0], state[1] = starts[episode], 0.0
        length, over = 0, False
        while not over and length < LIMIT:
            best, greedy = -np.inf, 0
            for action in range(3):
                tried[:] = state
                _, ends = _step(_WORLD[0], _WORLD[1], tried, action, observation)
                below, x, y = _place(axes, tried[0], tried[1])
                value = 0.0 if ends else _between(values, len(axes[1]), below, x, y)
                if value > best:
                    best, greedy = value, action
            _, over = _step(_WORLD[0], _WORLD[1], state, greedy, observation)
            length += 1
        lengths[episode] = length
    return lengths


@njit
def predict(axes: Any, values: Any, starts: Any) -> Any:
    """The values float64[n] of positions float64[n] at rest."""
    predicted = np.empty(len(starts))
    for episode in range(len(starts)):
        below, x, y = _place(axes, starts[episode], 0.0)
        predicted[episode] = _between(values, len(axes[1]), below, x, y)
    return predicted


if __name__ == "__main__":
    measured = measure()
    shipped = Estimate(STEPS, measured.predicted)
    print(f"steps: starts    {measured.steps}")
    print(f"mean return      {measured.attained:.4f}; shipped {shipped.attained:.4f}")
    print(f"mean grid value  {measured.predicted:.4f}")
