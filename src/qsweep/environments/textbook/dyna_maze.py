"""The maze of the Dyna-Q experiments."""

from __future__ import annotations

from qsweep.environments.textbook.gridworld import walk
from qsweep.environments.textbook.table_environment import TableEnvironment

MAZE = (
    ".......#G",
    "..#....#.",
    "S.#....#.",
    "..#......",
    ".....#...",
    ".........",
)


class DynaMaze(TableEnvironment):
    """A maze of 6 x 9 cells with walls (Sutton and Barto 2018, Example 8.1).

    Observation: the cell, 0 to 53, row by row from the top left. Actions: 0 up, 1 right, 2 down, 3 left;
    a move into a wall or off the grid has no effect. Reward: 1 on reaching the goal, which ends the
    episode, otherwise 0. The shortest path takes 14 steps.
    """

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(walk(MAZE, step_reward=0.0, goal_reward=1.0), MAZE, render_mode)
