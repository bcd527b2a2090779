"""The compiled engine, for environments with a twin: a call trains many chunks, of several seeds at once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice

import numpy as np
import numpy.typing as npt

from qsweep.environments.failures import EnvironmentFailure
from qsweep.environments.resolved import Resolved
from qsweep.learning.blocks import Block, Span, State, spans
from qsweep.learning.engines.lanes import Lanes, episodes_of
from qsweep.learning.engines.limits import divergence, is_good
from qsweep.learning.engines.locating import located
from qsweep.learning.engines.loop import EpisodeBatch
from qsweep.learning.rates import epsilon

MAX_EPISODES = 1000
"""The maximum number of episodes per call, and so per chunk: well under a second."""
TABLE_BYTES = 2**23
"""The maximum memory of the Q-tables of one call in each lane, unless a single one is larger."""


def _calls(run: Resolved, done: int) -> Iterator[tuple[Span, ...]]:
    """Yield the spans of each call, limited in episodes and in the memory of their Q-tables.

    done: the number of episodes that are already trained.
    """
    config = run.config
    table_bytes = 8 * math.prod(run.shape)
    every = min(config.checkpoint_every, MAX_EPISODES)
    size = max(1, min(MAX_EPISODES // every, TABLE_BYTES // table_bytes))
    if config.steps is not None:
        size = 1  # training may end at any checkpoint
    remaining = spans(config.episodes, config.checkpoint_every, MAX_EPISODES, done)
    while call := tuple(islice(remaining, size)):
        yield call


def train(run: Resolved, state: State) -> Iterator[Block]:
    """Yield the blocks of a run, trained by the compiled loop; a state that is not empty is resumed."""
    for _, block in train_interleaved([run], state):
        yield block


def train_interleaved(runs: Sequence[Resolved], state: State | None = None) -> Iterator[tuple[int, Block]]:
    """Train runs that differ only by their seeds in one loop; yield (index of a run, block of it).

    state: the state from which a single run is resumed. Raises EnvironmentFailure, with episode and step, if
    a twin raises an exception, or a return or Q-value is not finite.
    """
    lanes = Lanes(runs, state)
    for call in _calls(runs[0], int(state["episodes"]) if state else 0):
        began = time.perf_counter()
        try:
            batch = lanes.train(call)
        except EnvironmentFailure as failed:
            raise located(runs, state, call[-1].end) or failed from failed
        compiling = lanes.compile_seconds
        seconds = _shared(time.perf_counter() - began - compiling, batch.lengths)
        for number, run in enumerate(runs):
            if not is_good(run, batch.returns[number], lanes.q_table(number)):
                raise located([run], state, call[-1].end) or divergence(run)
            made = _block(run, call, batch, number, partial(lanes.state, number, call[-1]))
            visits = lanes.visits(number).reshape(run.grid.shape)
            yield (
                number,
                made._replace(seconds=seconds[number], compile_seconds=compiling / len(runs), visits=visits),
            )


def _shared(seconds: float, lengths: npt.NDArray[np.int32]) -> list[float]:
    """Return each lane's share of the time of a call, by its steps. lengths: of its episodes [lanes, n]."""
    steps = lengths.sum(axis=1, dtype=np.float64)
    shares: list[float] = (seconds * steps / steps.sum()).tolist()
    return shares


def _block(
    run: Resolved, call: tuple[Span, ...], batch: EpisodeBatch, number: int, state: Callable[[], State]
) -> Block:
    tables = batch.tables[number].reshape(len(call), *run.shape)
    rates = epsilon(run.config, episodes_of(call))
    return Block(call, batch.returns[number], batch.lengths[number], rates, tables, state)
