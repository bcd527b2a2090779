"""The compiled engine: many chunks a call, for environments that have a twin."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np

from qsweep.dynamics import twin_of
from qsweep.training.chunk import Chunk, Span, spans
from qsweep.training.kernel import q_learning_episodes
from qsweep.training.task import Task

LONGEST = 1000
"""Episodes in a call, and so in a chunk, at most: well under a second."""
TABLE_BYTES = 2**23
"""How much memory the tables of one call may take, unless a single one is larger."""


def _batches(task: Task) -> Iterator[list[Span]]:
    """Spans in runs that one call trains: limited in episodes and in the memory of their tables."""
    every = min(task.checkpoint_every, LONGEST)
    size = max(1, min(LONGEST // every, TABLE_BYTES // task.q_table.nbytes))
    cuts = spans(task.episodes, task.checkpoint_every, LONGEST)
    while batch := list(islice(cuts, size)):
        yield batch


def train(task: Task) -> Iterator[Chunk]:
    """Yield the chunks of a task, trained by the compiled kernel."""
    dynamics = twin_of(task.env.id)
    # As Gymnasium seeds the generator of an environment on its first reset.
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(task.environment_seed)))
    grid = (np.array(task.grid.low), np.array(task.grid.scale), np.array(task.grid.buckets))
    rule = (task.learning_rate, task.discount, task.max_steps, task.terminal_rule == "tutorial")
    q = task.q_table.reshape(task.grid.cells, -1).copy()
    draws = 0
    for batch in _batches(task):
        first, count = batch[0].first, batch[-1].end - batch[0].first
        epsilon = task.epsilon(np.arange(first, first + count))
        ends = np.array([span.end - first for span in batch])
        tables = np.empty((len(batch), *q.shape))
        returns, lengths = np.empty(count), np.empty(count, np.int32)
        stream = (np.uint64(task.exploration_key), draws)
        draws = q_learning_episodes(
            dynamics.step,
            dynamics.start(generator, count),
            grid,
            rule,
            epsilon,
            ends,
            stream,
            q,
            tables,
            returns,
            lengths,
        )
        for span, table in zip(batch, tables, strict=True):
            part = slice(span.first - first, span.end - first)
            table = table.reshape(task.q_table.shape)
            yield Chunk(span, returns[part], lengths[part], epsilon[part], table)
