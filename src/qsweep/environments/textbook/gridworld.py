"""The tables of a walk on a grid, by one of four moves at a time."""

from __future__ import annotations

from collections.abc import Sequence

from qsweep.environments.textbook.table_environment import Outcomes

MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))
"""Rows and columns that an action moves by: up, right, down, left, as in Gymnasium's CliffWalking."""


def walk(
    picture: Sequence[str], step_reward: float, goal_reward: float, wind: Sequence[int] | None = None
) -> Outcomes:
    """The tables of a deterministic walk, which ends at the goal.

    picture: rows of equal length; # cannot be entered, G is the goal. A move off the grid ends at its
    border. wind: how many rows the wind of each column carries whoever leaves from there upward.
    """
    rows, columns = len(picture), len(picture[0])

    def after(row: int, column: int, move: tuple[int, int]) -> tuple[int, int]:
        up = wind[column] if wind else 0
        there = (
            min(max(row + move[0] - up, 0), rows - 1),
            min(max(column + move[1], 0), columns - 1),
        )
        return (row, column) if picture[there[0]][there[1]] == "#" else there

    p: Outcomes = {}
    for state in range(rows * columns):
        here = divmod(state, columns)
        p[state] = {}
        for action, move in enumerate(MOVES):
            row, column = here if picture[here[0]][here[1]] == "G" else after(*here, move)
            reached = picture[row][column] == "G"
            earned = reached and (row, column) != here
            reward = goal_reward if earned else 0.0 if reached else step_reward
            p[state][action] = [(1.0, row * columns + column, reward, reached)]
    return p
