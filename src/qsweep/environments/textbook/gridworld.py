"""Transition tables of gridworlds with four moves."""

from __future__ import annotations

from collections.abc import Sequence

from qsweep.environments.textbook.table_environment import Outcomes

MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))
"""Change of row and column by each action: up, right, down, left, as in Gymnasium's CliffWalking."""


def walk(
    picture: Sequence[str], step_reward: float, goal_reward: float, wind: Sequence[int] | None = None
) -> Outcomes:
    """Return the tables of a deterministic gridworld whose episodes end at the goal.

    picture: rows of equal length; # cannot be entered, G is the goal. A move off the grid stops at its
    border. wind: rows by which a move that leaves a column is shifted upward, per column.
    """
    rows, columns = len(picture), len(picture[0])

    def after(row: int, column: int, move: tuple[int, int]) -> tuple[int, int]:
        shift = wind[column] if wind else 0
        next_cell = (
            min(max(row + move[0] - shift, 0), rows - 1),
            min(max(column + move[1], 0), columns - 1),
        )
        return (row, column) if picture[next_cell[0]][next_cell[1]] == "#" else next_cell

    p: Outcomes = {}
    for state in range(rows * columns):
        cell = divmod(state, columns)
        p[state] = {}
        for action, move in enumerate(MOVES):
            row, column = cell if picture[cell[0]][cell[1]] == "G" else after(*cell, move)
            at_goal = picture[row][column] == "G"
            entered = at_goal and (row, column) != cell
            reward = goal_reward if entered else 0.0 if at_goal else step_reward
            p[state][action] = [(1.0, row * columns + column, reward, at_goal)]
    return p
