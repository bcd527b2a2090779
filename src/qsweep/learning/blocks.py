"""The records that training yields: consecutive episodes and Q-tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

State = Mapping[str, npt.NDArray[Any]]
"""Name -> array: everything from which training is resumed."""


@dataclass(frozen=True)
class Span:
    """Episodes `first` (counted from 0) to `end` - 1; checkpoint: the Q-table after them is a checkpoint."""

    first: int
    end: int
    checkpoint: bool


class Chunk(NamedTuple):
    """The episodes of one span, which ends at the next checkpoint at the latest.

    returns float64[n]: undiscounted sums of rewards. lengths int32[n]: steps. epsilon float64[n].
    q_table float64[buckets..., actions]: after the span's last episode; read-only. state: returns the state
    from which training is resumed after the chunk, empty if it cannot be resumed; it must be called before
    the next chunk is requested, and is None for most chunks.
    """

    span: Span
    returns: npt.NDArray[np.float64]
    lengths: npt.NDArray[np.int32]
    epsilon: npt.NDArray[np.float64]
    q_table: npt.NDArray[np.float64]
    state: Callable[[], State] | None = None


class Block(NamedTuple):
    """Consecutive chunks that were trained in one call, in common arrays.

    spans: one per chunk, k of them. returns float64[n], lengths int32[n], epsilon float64[n]: of all
    episodes. tables float64[k, buckets..., actions]: after the last episode of each span; read-only.
    state: as a chunk's, after the last span. seconds: spent in training it; of interleaved runs, the share of
    this one's steps. compile_seconds: spent before it in compiling, or in loading what was compiled before.
    visits int64[buckets...]: the number of training steps that began in each cell, from the first episode of
    the run to the last one of the block.
    """

    spans: tuple[Span, ...]
    returns: npt.NDArray[np.float64]
    lengths: npt.NDArray[np.int32]
    epsilon: npt.NDArray[np.float64]
    tables: npt.NDArray[np.float64]
    state: Callable[[], State] | None = None
    seconds: float = 0.0
    compile_seconds: float = 0.0
    visits: npt.NDArray[np.int64] | None = None

    @property
    def first(self) -> int:
        """The index of the first episode, from 0."""
        return self.spans[0].first

    @property
    def end(self) -> int:
        """The number of episodes that are trained at the end of the block."""
        return self.spans[-1].end


def chunks(blocks: Iterable[Block]) -> Iterator[Chunk]:
    """Yield the chunks of consecutive blocks."""
    for block in blocks:
        for span, table in zip(block.spans, block.tables, strict=True):
            own = slice(span.first - block.first, span.end - block.first)
            state = block.state if span is block.spans[-1] else None
            yield Chunk(span, block.returns[own], block.lengths[own], block.epsilon[own], table, state)


def spans(episodes: int, checkpoint_every: int, max_episodes: int, first: int = 0) -> Iterator[Span]:
    """Yield spans that end at every checkpoint, at the last episode, and after `max_episodes` at the latest.

    The limit makes progress visible and interrupts effective. first: the first episode, the end of a span.
    """
    while first < episodes:
        checkpoint = min((first // checkpoint_every + 1) * checkpoint_every, episodes)
        end = min(checkpoint, first + max_episodes)
        yield Span(first, end, end == checkpoint)
        first = end
