"""The gridworld with a crosswind."""

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
START = 30
WIND = (0, 0, 0, 1, 1, 1, 2, 2, 1, 0)
"""Rows that the wind carries upward, by column."""


class WindyGridworld(TableEnvironment):
    """Cross a grid of 7 x 10 cells in a wind that blows upward (Sutton and Barto 2018, Example 6.5).

    Observation: the cell, 0 to 69, row by row from the top left. Actions: 0 up, 1 right, 2 down,
    3 left; the wind of the column left carries along, never off the grid. Reward: -1 a step until the
    goal. The shortest way takes 15 steps.
    """

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(walk(GRID, step_reward=-1.0, goal_reward=-1.0, wind=WIND), START, GRID, render_mode)
