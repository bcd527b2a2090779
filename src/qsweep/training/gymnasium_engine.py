"""The generic engine: steps any Gymnasium environment from Python."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from qsweep.discretizer import cell_of
from qsweep.learning import q_learning
from qsweep.seeds import uniforms
from qsweep.training.chunk import Chunk, spans
from qsweep.training.task import Task

LONGEST = 50
"""Episodes in a chunk, at most: well under a second in most environments."""
DRAWS = 4096
"""Exploration draws computed at a time."""


class _Rows(dict[int, list[float]]):
    """The rows of a Q-table as lists of Python floats, which are quicker to read one by one."""

    def __init__(self, table: npt.NDArray[np.float64]) -> None:
        self._table = table
        self.written: set[int] = set()

    def __missing__(self, cell: int) -> list[float]:
        row: list[float] = self._table[cell].tolist()
        self[cell] = row
        return row

    def flush(self) -> npt.NDArray[np.float64]:
        """Write the changed rows to the table; returns a copy of it."""
        for cell in self.written:
            self._table[cell] = self[cell]
        self.written.clear()
        return self._table.copy()


def _draws(key: int) -> Iterator[float]:
    first = 0
    while True:
        yield from uniforms(key, first, DRAWS).tolist()
        first += DRAWS


def train(task: Task) -> Iterator[Chunk]:
    """Yield the chunks of a task, trained on the Gymnasium environment itself."""
    env = task.make()
    try:
        yield from _chunks(task, env)
    finally:
        env.close()


def _chunks(task: Task, env: Any) -> Iterator[Chunk]:
    q = _Rows(task.q_table.reshape(task.grid.cells, -1).copy())
    draws = _draws(task.exploration_key)
    for span in spans(task.episodes, task.checkpoint_every, LONGEST):
        epsilon = task.epsilon(np.arange(span.first, span.end))
        done = []
        for i, exploring in enumerate(epsilon.tolist()):
            seed = task.environment_seed if span.first + i == 0 else None
            observation, _ = env.reset(seed=seed)
            done.append(_episode(task, env, task.encode(observation), q, exploring, draws))
        returns, lengths = zip(*done, strict=True)
        table = q.flush().reshape(task.q_table.shape)
        yield Chunk(span, np.array(returns), np.array(lengths, np.int32), epsilon, table)


def _episode(
    task: Task, env: Any, observation: list[float], q: _Rows, epsilon: float, draws: Iterator[float]
) -> tuple[float, int]:
    low, scale, buckets = task.grid.low, task.grid.scale, task.grid.buckets
    alpha, gamma, max_steps = task.learning_rate, task.discount, task.max_steps
    tutorial = task.terminal_rule == "tutorial"
    exploring = min(epsilon, 1.0)
    actions_per_epsilon = task.actions / exploring if exploring > 0 else 0.0
    total, length = 0.0, 0
    cell = cell_of(observation, low, scale, buckets)
    while True:
        row = q[cell]
        u = next(draws)
        if u < exploring:
            action = min(int(u * actions_per_epsilon), task.actions - 1)
        else:
            action = row.index(max(row))
        seen, reward, terminated, truncated, _ = env.step(action + task.first_action)
        reward = float(reward)
        total += reward
        length += 1
        truncated = truncated or length >= max_steps
        q.written.add(cell)
        if terminated:
            row[action] = 0.0 if tutorial else q_learning(row[action], alpha, reward, 0.0, 0.0)
            return total, length
        if truncated and tutorial:
            return total, length
        cell = cell_of(task.encode(seen), low, scale, buckets)
        row[action] = q_learning(row[action], alpha, reward, gamma, max(q[cell]))
        if truncated:
            return total, length
