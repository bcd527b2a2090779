"""Value iteration on a grid over MountainCar's states, and greedy rollouts, as numba functions.

A grid is given by its axes: positions float64[m] and velocities float64[k], evenly spaced; its
nodes are numbered position by position. The step is the compiled twin's, passed as a first-class
function so that numba's cache notices an edit of it (see compiling.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float32, float64, int32, int64, njit, types, uint64, void

from qsweep.policies.optimum.machine_code import signatures

_STEP = types.FunctionType(signatures()[1])
_WORLD = types.Tuple((uint64[::1], float64[::1]))
_AXES = types.UniTuple(float64[::1], 2)


def _place(axes: Any, position: float, velocity: float) -> tuple[int, float, float]:
    """The node below a state, and how far the state is from it to the next, from 0 to 1, by axis."""
    positions, velocities = axes
    x = (position - positions[0]) / (positions[1] - positions[0])
    y = (velocity - velocities[0]) / (velocities[1] - velocities[0])
    i, j = min(int(x), len(positions) - 2), min(int(y), len(velocities) - 2)
    return i * len(velocities) + j, x - i, y - j


def _between(values: Any, row: int, node: int, x: float, y: float) -> float:
    """Bilinear interpolation; `row` is the number of velocities."""
    low = (1 - y) * values[node] + y * values[node + 1]
    high = (1 - y) * values[node + row] + y * values[node + row + 1]
    return float((1 - x) * low + x * high)


_place = njit(_place)
_between = njit(_between)


def _moves(step: Any, world: Any, axes: Any, node: Any, x: Any, y: Any) -> None:
    random, constants = world
    state, observation = np.empty(2), np.empty(2)
    place = 0
    for position in axes[0]:
        for velocity in axes[1]:
            for action in range(3):
                state[0], state[1] = position, velocity
                _, over = step(random, constants, state, action, observation)
                below, along, across = _place(axes, state[0], state[1])
                node[place, action] = -1 if over else below
                x[place, action], y[place, action] = along, across
            place += 1


moves = njit(void(_STEP, _WORLD, _AXES, int32[:, ::1], float32[:, ::1], float32[:, ::1]), cache=True)(_moves)
"""Where each node and action lead: node [nodes, 3], -1 where the goal is reached; x and y within its cell."""


def _sweep(row: int, node: Any, x: Any, y: Any, before: Any, after: Any) -> None:
    for place in range(len(before)):
        best = -np.inf
        for action in range(3):
            below = node[place, action]
            value = 0.0
            if below >= 0:
                value = _between(before, row, below, x[place, action], y[place, action])
            best = max(best, value)
        after[place] = best - 1


sweep = njit(
    void(int64, int32[:, ::1], float32[:, ::1], float32[:, ::1], float32[::1], float32[::1]), cache=True
)(_sweep)
"""One more step to go: values `after` float32[nodes] from `before`."""


def _roll_out(
    step: Any, world: Any, axes: Any, values: Any, starts: Any, max_steps: int, lengths: Any
) -> None:
    random, constants = world
    row = len(axes[1])
    state, tried, observation = np.empty(2), np.empty(2), np.empty(2)
    for episode in range(len(starts)):
        state[0], state[1] = starts[episode], 0.0
        length, over = 0, False
        while not over and length < max_steps:
            best, greedy = -np.inf, 0
            for action in range(3):
                tried[:] = state
                _, ends = step(random, constants, tried, action, observation)
                below, x, y = _place(axes, tried[0], tried[1])
                value = 0.0 if ends else _between(values, row, below, x, y)
                if value > best:
                    best, greedy = value, action
            _, over = step(random, constants, state, greedy, observation)
            length += 1
        lengths[episode] = length


roll_out = njit(void(_STEP, _WORLD, _AXES, float32[::1], float64[::1], int64, int64[::1]), cache=True)(
    _roll_out
)
"""How many steps, int64[n], episodes greedy in `values` take from positions float64[n] at rest."""


def _predict(axes: Any, values: Any, starts: Any, predicted: Any) -> None:
    for episode in range(len(starts)):
        below, x, y = _place(axes, starts[episode], 0.0)
        predicted[episode] = _between(values, len(axes[1]), below, x, y)


predict = njit(void(_AXES, float32[::1], float64[::1], float64[::1]), cache=True)(_predict)
"""The values float64[n] of positions float64[n] at rest."""
