"""MountainCar-v0's optimum, measured: how many steps the shortest way to the goal takes.

Every step earns -1 until the goal is reached, and nothing is random after the start, so the best
return from a start is minus its least number of steps, or minus the step limit if that is less.

How it was measured. Value iteration (Sutton and Barto 2018, section 4.4), undiscounted, 200 sweeps
from zero, on a grid of 2401 positions x 1681 velocities with bilinear interpolation. Interpolating
between whole numbers of steps blurs them: the values at the starts average -97.706, too low. So the
values only guide a policy, which takes the best of the three actions one step ahead, in the
dynamics themselves, in float64. What it attains from 100,000 starts spread evenly over [-0.6, -0.4)
is `STEPS`: -97.656 on average.

How far off it may be. The policy is a real one, so the optimum is not lower, but for the spacing
of the starts (below 0.001). Finer grids gain little: 401 x 281 attains -97.811, 801 x 561 -97.678,
1601 x 1121 -97.658. Nothing proves that no policy does better, but a search for ways one step
shorter, through all states that the values put within 1.5 steps of such a way, found one from a
single start of 2,000: 0.0005 on average. So it is approximate, and trusted to 0.01. A smaller
search is in tests/policies/test_optimum.py.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from contextlib import suppress
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from qsweep.policies.optimum.machine_code import machine_code
from qsweep.system import atomic_files

GRID = (2401, 1681)
"""Positions and velocities."""
STARTS = 100_000
LIMIT = 200
"""Steps: MountainCar-v0's own limit, and the number of sweeps. No start needs as many."""
FORMAT = 1
"""Of the cached files: raise it when their meaning changes."""

STEPS = {
    83: 3546, 84: 4197, 85: 3723, 86: 3212, 87: 2953, 88: 2586, 89: 2272, 90: 2101,
    91: 1873, 92: 1663, 93: 1455, 94: 1394, 95: 1244, 96: 1113, 97: 998, 98: 896,
    99: 805, 100: 740, 101: 4379, 102: 11762, 103: 41992, 104: 5096,
}  # fmt: skip
"""Least steps to the goal -> how many of `STARTS` need as many: `estimate()` as it was measured."""


_WORLD = (np.zeros(4, np.uint64), np.zeros(1))
"""Random stream and constants of a twin's step; the car uses neither."""


def expected_return(max_steps: int | None) -> float:
    """The best expected return of an episode of at most `max_steps` steps, from `STEPS`."""
    total = sum(min(steps, max_steps or steps) * starts for steps, starts in STEPS.items())
    return -total / STARTS


@dataclass(frozen=True)
class Estimate:
    """steps: as `STEPS`, attained. predicted: the mean value of the starts, on the grid."""

    steps: dict[int, int]
    predicted: float

    @property
    def attained(self) -> float:
        """The mean return of the rollouts."""
        return -sum(steps * starts for steps, starts in self.steps.items()) / sum(self.steps.values())


def estimate(grid: tuple[int, int] = GRID, starts: int = STARTS) -> Estimate:
    """`measure`, or what it measured before, from a file in the user's cache folder.

    The file's name is a hash of all that decides the numbers, code included.
    """
    from qsweep.environments.twins import mountain_car as dynamics
    from qsweep.policies.optimum import mountain_car_kernel as kernel

    code = "".join(inspect.getsource(module) for module in (dynamics, kernel))
    key = hashlib.sha256(json.dumps([FORMAT, grid, starts, LIMIT, code]).encode()).hexdigest()[:16]
    name = f"mountain_car_optimum-{key}.json"
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):  # not there, or damaged
        cached = json.loads((atomic_files.user_cache() / name).read_text())
        return Estimate({int(steps): int(n) for steps, n in cached["steps"].items()}, cached["predicted"])
    measured = measure(grid, starts)
    with suppress(OSError):  # it can be measured again
        atomic_files.write_text(atomic_files.user_cache() / name, json.dumps(asdict(measured)))
    return measured


def measure(grid: tuple[int, int] = GRID, starts: int = STARTS) -> Estimate:
    """Measure `STEPS` anew, as described above, on a grid of positions and velocities.

    The default takes 15 to 20 s of one core and 200 MB of memory; no run does it.
    """
    from qsweep.environments.twins import mountain_car as car
    from qsweep.policies.optimum import mountain_car_kernel as kernel  # numba is slow to import

    axes = (
        np.linspace(car.MIN_POSITION, car.MAX_POSITION, grid[0]),
        np.linspace(-car.MAX_SPEED, car.MAX_SPEED, grid[1]),
    )
    places = -0.6 + 0.2 * (np.arange(starts) + 0.5) / starts
    values = _values(axes)
    lengths, predicted = np.empty(starts, np.int64), np.empty(starts)
    kernel.roll_out(machine_code(car.step), _WORLD, axes, values, places, LIMIT, lengths)
    kernel.predict(axes, values, places, predicted)
    steps, counts = np.unique(lengths, return_counts=True)
    return Estimate(dict(zip(steps.tolist(), counts.tolist(), strict=True)), float(predicted.mean()))


def _values(axes: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]) -> npt.NDArray[np.float32]:
    """The value of every node with `LIMIT` steps to go, float32[nodes]."""
    from qsweep.environments.twins.mountain_car import step
    from qsweep.policies.optimum import mountain_car_kernel as kernel

    nodes = len(axes[0]) * len(axes[1])
    node = np.empty((nodes, 3), np.int32)
    x, y = np.empty((nodes, 3), np.float32), np.empty((nodes, 3), np.float32)
    kernel.moves(machine_code(step), _WORLD, axes, node, x, y)
    before, after = np.zeros(nodes, np.float32), np.zeros(nodes, np.float32)
    for _ in range(LIMIT):
        kernel.sweep(len(axes[1]), node, x, y, before, after)
        before, after = after, before
    return before
