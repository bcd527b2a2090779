"""MountainCar-v0's optimum, measured once: the number of steps of the shortest paths to the goal.

Every step earns -1 until the goal is reached, and nothing is random after the start, so the best
return from a start is minus its least number of steps, or minus the step limit if that is less.

`STEPS` was measured by benchmarks/mountain_car_optimum.py, which explains the method and the error of
the mean, at most 0.01.
"""

from __future__ import annotations

STARTS = 100_000
"""Number of start states, evenly spaced over the positions in which an episode can begin."""
STEPS = {
    83: 3546, 84: 4197, 85: 3723, 86: 3212, 87: 2953, 88: 2586, 89: 2272, 90: 2101,
    91: 1873, 92: 1663, 93: 1455, 94: 1394, 95: 1244, 96: 1113, 97: 998, 98: 896,
    99: 805, 100: 740, 101: 4379, 102: 11762, 103: 41992, 104: 5096,
}  # fmt: skip
"""Least number of steps to the goal -> number of starts that need it."""


def expected_return(max_steps: int) -> float:
    """Return the best expected return of an episode of at most `max_steps` steps."""
    total = sum(min(steps, max_steps) * starts for steps, starts in STEPS.items())
    return -total / STARTS
