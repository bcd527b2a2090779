"""The compiled engine: a block of chunks a call, where there is a twin; several seeds in one loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from qsweep.environments.twins.pcg64 import stream
from qsweep.environments.twins.twin import Floats, Twin
from qsweep.learning.agent.agent import Agent
from qsweep.learning.agent.exploration import EPSILON_GREEDY
from qsweep.learning.blocks import Block, Span, State, spans
from qsweep.learning.compiler.compilation import compiled
from qsweep.learning.compiler.intrinsics import codes
from qsweep.learning.compiler.packing import Packed, Words, pack
from qsweep.learning.engines.learner import Learner, learner, paces
from qsweep.learning.engines.loop import Batch, Lane, Starts, World, train_lanes
from qsweep.learning.task import Task
from qsweep.seeds import generator_at, generator_state

LONGEST = 1000
"""Episodes in a call, and so in a chunk, at most: well under a second."""
TABLE_BYTES = 2**23
"""How much memory the tables of one call may take in each lane, unless a single one is larger."""

FIXED = ("agent.pace.0", "agent.now.0", "agent.key.0", "world.random.0", "at.0", "rewards.0")
"""Lengths that are the same in all lanes, see `packing`."""
PLAIN = (
    *("agent.q.1", "agent.s.0", "agent.s_next.0", "agent.available.0", "agent.visits.0", "agent.visits.1"),
    *("agent.row.0", "agent.policy.0", "agent.falling", "agent.exploration", "agent.random_ties"),
    *(f"agent.lattice.{name}.0" for name in ("low", "scale", "buckets", "offsets", "edges")),
    *("agent.lattice.offsets.1", "agent.lattice.edges.1", "world.state.0", "world.observation.0"),
)
"""What is the same in the lanes of all plain agents in an environment, too; the others share one code."""


def _plain(agent: Agent) -> bool:
    """Whether an agent is as most are: epsilon-greedy on one grid of equal buckets, nothing counted."""
    counts = (len(agent.s), len(agent.available), len(agent.visits), agent.lattice.edges.shape[1])
    greedy = agent.exploration == EPSILON_GREEDY and not agent.random_ties
    return greedy and not agent.falling and counts == (1, 0, 0, 0)


def _batches(task: Task, done: int) -> Iterator[tuple[Span, ...]]:
    """Spans in runs that one call trains: limited in episodes and in the memory of their tables.

    done: episodes that are trained already.
    """
    config = task.config
    table_bytes = 8 * task.grid.cells * task.actions
    every = min(config.checkpoint_every, LONGEST)
    size = max(1, min(LONGEST // every, TABLE_BYTES // table_bytes))
    cuts = spans(config.episodes, config.checkpoint_every, LONGEST, done)
    while batch := tuple(islice(cuts, size)):
        yield batch


def train(task: Task, state: State) -> Iterator[Block]:
    """Yield the blocks of a task, trained by the compiled loop, from a state on, unless it is empty."""
    for _, block in train_together([task], state):
        yield block


def train_together(tasks: Sequence[Task], state: State | None = None) -> Iterator[tuple[int, Block]]:
    """Train tasks that differ by their seeds alone, in one loop; yield blocks with their tasks' numbers.

    state: what a single task goes on from.
    """
    task, twin = tasks[0], tasks[0].resolved.twin
    assert twin is not None
    learners, kernel = [learner(one) for one in tasks], None
    fixed = (*FIXED, *(PLAIN if _plain(learners[0].agent) else ()))
    lanes = pack([_lane(*run, twin) for run in zip(tasks, learners, strict=True)], fixed)
    # As Gymnasium seeds the generator of an environment on its first reset.
    seeds = (np.random.SeedSequence(one.environment_seed) for one in tasks)
    generators = [np.random.Generator(np.random.PCG64(seed)) for seed in seeds]
    if state:
        lanes.words[0], generators[0] = state["words"], generator_at(state["starts"])
    for cuts in _batches(task, int(state["episodes"]) if state else 0):
        starts = [twin.starts(generator, cuts[-1].end - cuts[0].first) for generator in generators]
        batch = _batch(task, cuts, starts)
        kernel = kernel or _kernel(learners[0], twin, lanes, batch)
        kernel(lanes.words, batch)
        for number, generator in enumerate(generators):
            reached = partial(_reached, cuts[-1], lanes.words[number], generator)
            yield number, _block(task, cuts, batch, number, reached)


def _reached(last: Span, words: Words, starts: np.random.Generator) -> dict[str, npt.NDArray[Any]]:
    """What training goes on from after a call that ended with a span."""
    return {"episodes": np.array(last.end), "words": words.copy(), "starts": generator_state(starts)}


def _lane(task: Task, learning: Learner, twin: Twin) -> Lane:
    skip, random = task.config.terminal_rule == "tutorial", stream(task.environment_seed)
    world = World(random, twin.constants, *twin.room(), task.resolved.max_steps, skip)
    return Lane(world, learning.agent, learning.memory, np.zeros(4, np.int64), np.zeros(2))


def _episodes(cuts: Sequence[Span]) -> npt.NDArray[np.int64]:
    return np.arange(cuts[0].first, cuts[-1].end)


def _batch(task: Task, cuts: Sequence[Span], starts: Sequence[tuple[Floats, Floats]]) -> Batch:
    episodes, lanes = _episodes(cuts), len(starts)
    states, observations = (np.stack(part) for part in zip(*starts, strict=True))
    return Batch(
        starts=Starts(states, observations, np.zeros((lanes, 0, 4), np.uint64)),
        pace=paces(task, episodes),
        ends=np.array([span.end for span in cuts]) - cuts[0].first,
        tables=np.empty((lanes, len(cuts), task.grid.cells, task.actions)),
        returns=np.empty((lanes, len(episodes))),
        lengths=np.empty((lanes, len(episodes)), np.int32),
    )


def _block(
    task: Task, cuts: tuple[Span, ...], batch: Batch, number: int, reached: Callable[[], State]
) -> Block:
    """What a lane was trained. reached: gives what training goes on from after it."""
    tables = batch.tables[number].reshape(len(cuts), *task.resolved.shape)
    epsilon = task.epsilon(_episodes(cuts))
    return Block(cuts, batch.returns[number], batch.lengths[number], epsilon, tables, reached)


def _kernel(learning: Learner, twin: Twin, lanes: Packed, batch: Batch) -> Callable[..., Any]:
    """The loop, compiled for an algorithm and a twin; its machine code is found on disk the next time."""
    from numba import int64, typeof, void

    names = {
        "begin": learning.begin,
        "observe": learning.observe,
        "reset": twin.reset,
        "step": twin.step,
        **codes(lanes.packing),
        "ALONE": len(lanes.words) == 1,
        "qsweep.learning.agent.exploration.GUESSING": len(lanes.words) == 1,
        "qsweep.learning.agent.values.ACTIONS": learning.agent.q.shape[1] if _plain(learning.agent) else 0,
        "qsweep.learning.agent.values.CELLS": 1 if _plain(learning.agent) else 0,
    }
    signature = void(int64[:, ::1], typeof(batch))
    return compiled(train_lanes, signature, names)  # type: ignore[no-any-return]
