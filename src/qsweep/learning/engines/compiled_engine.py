"""The compiled engine, for environments with a twin: a call trains many chunks, of several seeds at once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from qsweep.environments.resolved import Resolved
from qsweep.environments.twins.pcg64 import stream
from qsweep.environments.twins.twin import Twin
from qsweep.learning.agent.agent import Agent
from qsweep.learning.agent.exploration import EPSILON_GREEDY
from qsweep.learning.blocks import Block, Span, State, spans
from qsweep.learning.compiler.compilation import compiled
from qsweep.learning.compiler.intrinsics import intrinsics_for
from qsweep.learning.compiler.packing import Packed, Words, pack
from qsweep.learning.engines.learner import Learner, learner
from qsweep.learning.engines.loop import EpisodeBatch, Lane, Starts, World, train_lanes
from qsweep.learning.rates import epsilon, rates_of
from qsweep.seeds import generator_state, restored_generator, streams
from qsweep.system.arrays import Floats

MAX_EPISODES = 1000
"""The maximum number of episodes per call, and so per chunk: well under a second."""
TABLE_BYTES = 2**23
"""The maximum memory of the Q-tables of one call in each lane, unless a single one is larger."""

FIXED = ("agent.rates.0", "agent.now.0", "agent.key.0", "world.random.0", "progress.0", "rewards.0")
"""Lengths that are the same in all lanes, and constants of the code; see `packing`."""
PLAIN = (
    *("agent.q.1", "agent.s.0", "agent.s_next.0", "agent.available.0", "agent.visits.0", "agent.visits.1"),
    *("agent.preferences.0", "agent.policy.0", "agent.decaying", "agent.exploration", "agent.random_ties"),
    *(f"agent.lattice.{name}.0" for name in ("low", "scale", "buckets", "offsets", "edges")),
    *("agent.lattice.offsets.1", "agent.lattice.edges.1", "world.state.0", "world.observation.0"),
)
"""More constants if the agents are plain; all other agents of an environment share one compiled loop."""


def _is_plain(agent: Agent) -> bool:
    """Return whether an agent is of the common kind: epsilon-greedy, equal buckets, no visits counted."""
    counts = (len(agent.s), len(agent.available), len(agent.visits), agent.lattice.edges.shape[1])
    greedy = agent.exploration == EPSILON_GREEDY and not agent.random_ties
    return greedy and not agent.decaying and counts == (1, 0, 0, 0)


def _calls(run: Resolved, done: int) -> Iterator[tuple[Span, ...]]:
    """Yield the spans of each call, limited in episodes and in the memory of their Q-tables.

    done: the number of episodes that are already trained.
    """
    config = run.config
    table_bytes = 8 * math.prod(run.shape)
    every = min(config.checkpoint_every, MAX_EPISODES)
    size = max(1, min(MAX_EPISODES // every, TABLE_BYTES // table_bytes))
    remaining = spans(config.episodes, config.checkpoint_every, MAX_EPISODES, done)
    while call := tuple(islice(remaining, size)):
        yield call


def train(run: Resolved, state: State) -> Iterator[Block]:
    """Yield the blocks of a run, trained by the compiled loop; a state that is not empty is resumed."""
    for _, block in train_interleaved([run], state):
        yield block


def train_interleaved(runs: Sequence[Resolved], state: State | None = None) -> Iterator[tuple[int, Block]]:
    """Train runs that differ only by their seeds in one loop; yield (index of a run, block of it).

    state: the state from which a single run is resumed.
    """
    one, twin = runs[0], runs[0].twin
    assert twin is not None
    learners: list[Learner] = [learner(run) for run in runs]
    kernel: Callable[..., Any] | None = None
    fixed = (*FIXED, *(PLAIN if _is_plain(learners[0].agent) else ()))
    lanes = pack([_lane(*each, twin) for each in zip(runs, learners, strict=True)], fixed)
    # As Gymnasium seeds the generator of an environment on its first reset.
    generators = [np.random.default_rng(streams(run.config.seed).environment) for run in runs]
    if state:
        lanes.words[0], generators[0] = state["words"], restored_generator(state["starts"])
    for call in _calls(one, int(state["episodes"]) if state else 0):
        began = time.perf_counter()
        starts = [twin.starts(generator, call[-1].end - call[0].first) for generator in generators]
        batch = _batch(one, call, starts)
        compiling = 0.0
        if kernel is None:
            ready = time.perf_counter()
            kernel = _kernel(learners[0], twin, lanes, batch)
            compiling = time.perf_counter() - ready
        kernel(lanes.words, batch)
        seconds = _shared(time.perf_counter() - began - compiling, batch.lengths)
        for number, generator in enumerate(generators):
            state_after = partial(_state, call[-1], lanes.words[number], generator)
            made = _block(one, call, batch, number, state_after)
            yield number, made._replace(seconds=seconds[number], compile_seconds=compiling / len(runs))


def _shared(seconds: float, lengths: npt.NDArray[np.int32]) -> list[float]:
    """Return each lane's share of the time of a call, by its steps. lengths: of its episodes [lanes, n]."""
    steps = lengths.sum(axis=1, dtype=np.float64)
    shares: list[float] = (seconds * steps / steps.sum()).tolist()
    return shares


def _state(last: Span, words: Words, starts: np.random.Generator) -> dict[str, npt.NDArray[Any]]:
    """Return the state from which training is resumed after a call whose last span was `last`."""
    return {"episodes": np.array(last.end), "words": words.copy(), "starts": generator_state(starts)}


def _lane(run: Resolved, learning: Learner, twin: Twin) -> Lane:
    random, skip = stream(streams(run.config.seed).environment), run.config.terminal_rule == "tutorial"
    world = World(random, twin.constants, *twin.buffers(), run.max_steps, skip)
    return Lane(world, learning.agent, learning.memory, np.zeros(4, np.int64), np.zeros(2))


def _episodes(call: Sequence[Span]) -> npt.NDArray[np.int64]:
    return np.arange(call[0].first, call[-1].end)


def _batch(run: Resolved, call: Sequence[Span], starts: Sequence[tuple[Floats, Floats]]) -> EpisodeBatch:
    episodes, lanes = _episodes(call), len(starts)
    states, observations = (np.stack(part) for part in zip(*starts, strict=True))
    return EpisodeBatch(
        starts=Starts(states, observations, np.zeros((lanes, 0, 4), np.uint64)),
        rates=rates_of(run, episodes),
        ends=np.array([span.end for span in call]) - call[0].first,
        tables=np.empty((lanes, len(call), run.grid.cells, run.description.actions)),
        returns=np.empty((lanes, len(episodes))),
        lengths=np.empty((lanes, len(episodes)), np.int32),
    )


def _block(
    run: Resolved, call: tuple[Span, ...], batch: EpisodeBatch, number: int, state: Callable[[], State]
) -> Block:
    tables = batch.tables[number].reshape(len(call), *run.shape)
    rates = epsilon(run.config, _episodes(call))
    return Block(call, batch.returns[number], batch.lengths[number], rates, tables, state)


def _kernel(learning: Learner, twin: Twin, lanes: Packed, batch: EpisodeBatch) -> Callable[..., Any]:
    """Return the loop compiled for an algorithm and a twin, from numba's cache on disk if it is there."""
    from numba import int64, typeof, void

    names = {
        "begin": learning.begin,
        "observe": learning.observe,
        "reset": twin.reset,
        "step": twin.step,
        **intrinsics_for(lanes.packing),
        "SINGLE_LANE": len(lanes.words) == 1,
        "qsweep.learning.agent.exploration.BRANCHING": len(lanes.words) == 1,
        "qsweep.learning.agent.values.ACTIONS": learning.agent.q.shape[1] if _is_plain(learning.agent) else 0,
        "qsweep.learning.agent.values.CELLS": 1 if _is_plain(learning.agent) else 0,
    }
    signature = void(int64[:, ::1], typeof(batch))
    return compiled(train_lanes, signature, names)  # type: ignore[no-any-return]
