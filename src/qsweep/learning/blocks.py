"""What training yields: consecutive episodes and the Q-tables on their way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

State = Mapping[str, npt.NDArray[Any]]
"""Arrays by name: all that training needs to go on."""


@dataclass(frozen=True)
class Span:
    """Episodes `first` (counted from 0) to `end` - 1; `checkpoint`: the table at the end is one."""

    first: int
    end: int
    checkpoint: bool


class Chunk(NamedTuple):
    """The episodes of one span, none beyond the next checkpoint.

    returns float64[n]: undiscounted sum of rewards. lengths int32[n]: steps. epsilon float64[n].
    q_table float64[buckets..., actions]: after the span's last episode; not to be written to.
    state: gives the arrays, by name, from which training goes on after the chunk; only while no later one
    was asked for, and only of some chunks; it may find that there is no way, and give none.
    """

    span: Span
    returns: npt.NDArray[np.float64]
    lengths: npt.NDArray[np.int32]
    epsilon: npt.NDArray[np.float64]
    q_table: npt.NDArray[np.float64]
    state: Callable[[], State] | None = None


class Block(NamedTuple):
    """Consecutive chunks that are trained in one call: what they hold lies together.

    spans: theirs, k of them. returns float64[n], lengths int32[n], epsilon float64[n]: of all their episodes.
    tables float64[k, buckets..., actions]: after the last episode of each span; not to be written to.
    state: gives what training goes on from after the last one, as a chunk's does.
    """

    spans: tuple[Span, ...]
    returns: npt.NDArray[np.float64]
    lengths: npt.NDArray[np.int32]
    epsilon: npt.NDArray[np.float64]
    tables: npt.NDArray[np.float64]
    state: Callable[[], State] | None = None

    @property
    def first(self) -> int:
        """The number of the first episode, from 0."""
        return self.spans[0].first

    @property
    def end(self) -> int:
        """How many episodes are trained at its end."""
        return self.spans[-1].end

    def parts(self) -> Iterator[Block]:
        """The same, each span a block of its own."""
        for number, span in enumerate(self.spans):
            own = slice(span.first - self.first, span.end - self.first)
            columns = (self.returns[own], self.lengths[own], self.epsilon[own])
            state = self.state if span is self.spans[-1] else None
            yield Block((span,), *columns, self.tables[number : number + 1], state)


def chunks(blocks: Iterable[Block]) -> Iterator[Chunk]:
    """The chunks of consecutive blocks."""
    for block in blocks:
        for (span,), returns, lengths, epsilon, (table,), state in block.parts():
            yield Chunk(span, returns, lengths, epsilon, table, state)


def spans(episodes: int, checkpoint_every: int, longest: int, first: int = 0) -> Iterator[Span]:
    """Cut `episodes` at every checkpoint, at the last episode, and after `longest` at the latest.

    The last makes that whoever listens hears something, and that an interrupt is answered. first: the
    end of a span, from which on spans are wanted.
    """
    while first < episodes:
        checkpoint = min((first // checkpoint_every + 1) * checkpoint_every, episodes)
        end = min(checkpoint, first + longest)
        yield Span(first, end, end == checkpoint)
        first = end
