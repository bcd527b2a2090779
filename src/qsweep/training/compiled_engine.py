"""The compiled engine: many chunks a call, for environments that have a twin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from qsweep.compiling import compiled
from qsweep.dynamics.pcg64 import Stream, stream
from qsweep.dynamics.twin import Floats, Twin, machine_code, signatures
from qsweep.seeds import generator_at, generator_state
from qsweep.training.chunk import Chunk, Span, State, spans
from qsweep.training.learner import Learner, learner, paces
from qsweep.training.loop import World, train_episodes
from qsweep.training.task import Task
from qsweep.twins import twin_of

LONGEST = 1000
"""Episodes in a call, and so in a chunk, at most: well under a second."""
TABLE_BYTES = 2**23
"""How much memory the tables of one call may take, unless a single one is larger."""


def _batches(task: Task, done: int) -> Iterator[list[Span]]:
    """Spans in runs that one call trains: limited in episodes and in the memory of their tables.

    done: episodes that are trained already.
    """
    config = task.config
    table_bytes = 8 * task.grid.cells * task.actions
    every = min(config.checkpoint_every, LONGEST)
    size = max(1, min(LONGEST // every, TABLE_BYTES // table_bytes))
    cuts = spans(config.episodes, config.checkpoint_every, LONGEST, done)
    while batch := list(islice(cuts, size)):
        yield batch


def train(task: Task, state: State) -> Iterator[Chunk]:
    """Yield the chunks of a task, trained by the compiled loop, from a state on, unless it is empty."""
    twin = twin_of(task.env)
    assert twin is not None
    learning, kernel = learner(task), None
    functions = (machine_code(twin.reset), machine_code(twin.step))
    # As Gymnasium seeds the generator of an environment on its first reset.
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(task.environment_seed)))
    random = stream(task.environment_seed)
    if state:
        learning.restore(state)
        generator, random[:] = generator_at(state["starts"]), state["random"]

    def reached() -> dict[str, Any]:
        own = {"episodes": np.array(batch[-1].end), "starts": generator_state(generator)}
        return learning.state() | own | {"random": random.copy()}

    for batch in _batches(task, int(state.get("episodes", 0))):
        first, count = batch[0].first, batch[-1].end - batch[0].first
        episodes = np.arange(first, first + count)
        ends = np.array([span.end - first for span in batch])
        tables = np.empty((len(batch), *learning.agent.q.shape))
        returns, lengths = np.empty(count), np.empty(count, np.int32)
        world = _world(task, twin, twin.starts(generator, count), random)
        kernel = kernel or _kernel(learning, world)
        pace = paces(task, episodes)
        kernel(*functions, world, learning.agent, learning.memory, pace, ends, tables, returns, lengths)
        epsilon = task.epsilon(episodes)
        for span, table in zip(batch, tables, strict=True):
            part = slice(span.first - first, span.end - first)
            last = reached if span is batch[-1] else None
            yield Chunk(span, returns[part], lengths[part], epsilon[part], table.reshape(task.shape), last)


def _world(task: Task, twin: Twin, starts: tuple[Floats, Floats], random: Stream) -> World:
    skip, none = task.config.terminal_rule == "tutorial", np.zeros((0, 4), np.uint64)
    return World(random, none, twin.constants, *twin.room(), *starts, task.max_steps, skip)


def _kernel(learning: Learner, world: World) -> Callable[..., Any]:
    """The loop, compiled for an algorithm; its machine code is found on disk the next time."""
    from numba import float64, int32, int64, typeof, types

    reset, step = map(types.FunctionType, signatures())
    records = (typeof(world), typeof(learning.agent), typeof(learning.memory))
    arrays = (float64[:, ::1], int64[::1], float64[:, :, ::1], float64[::1], int32[::1])
    names = {"begin": learning.begin, "observe": learning.observe}
    return compiled(train_episodes, (reset, step, *records, *arrays), names)  # type: ignore[no-any-return]
