"""The gridworld with an upward wind."""

from __future__ import annotations

from qsweep.environments.textbook.gridworld import walk
from qsweep.environments.textbook.table_environment import TableEnvironment

GRID = (
    "..........",
    "..........",
    "..........",
    "S......G..",
    "..........",
    "..........",
    "..........",
)
WIND = (0, 0, 0, 1, 1, 1, 2, 2, 1, 0)
"""Rows by which the wind shifts a move upward, by column."""


class WindyGridworld(TableEnvironment):
    """A grid of 7 x 10 cells with an upward wind (Sutton and Barto 2018, Example 6.5).

    Observation: the cell, 0 to 69, row by row from the top left. Actions: 0 up, 1 right, 2 down, 3 left; a
    move is also shifted by the wind of the column that it leaves, never off the grid. Reward: -1 per step
    until the goal. The shortest path takes 15 steps.
    """

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(walk(GRID, step_reward=-1.0, goal_reward=-1.0, wind=WIND), GRID, render_mode)
