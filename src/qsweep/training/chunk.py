"""What training yields: consecutive episodes and the Q-table at their end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Span:
    """Episodes `first` (counted from 0) to `end` - 1; `checkpoint`: the table at the end is one."""

    first: int
    end: int
    checkpoint: bool


@dataclass(frozen=True)
class Chunk:
    """The episodes of one span, none beyond the next checkpoint.

    returns float64[n]: undiscounted sum of rewards. lengths int32[n]: steps. epsilon float64[n].
    q_table float64[buckets..., actions]: after the span's last episode; not to be written to.
    """

    span: Span
    returns: npt.NDArray[np.float64]
    lengths: npt.NDArray[np.int32]
    epsilon: npt.NDArray[np.float64]
    q_table: npt.NDArray[np.float64]


def spans(episodes: int, checkpoint_every: int, longest: int) -> Iterator[Span]:
    """Cut `episodes` at every checkpoint, at the last episode, and after `longest` at the latest.

    The last makes that whoever listens hears something, and that an interrupt is answered.
    """
    first = 0
    while first < episodes:
        checkpoint = min((first // checkpoint_every + 1) * checkpoint_every, episodes)
        end = min(checkpoint, first + longest)
        yield Span(first, end, end == checkpoint)
        first = end
