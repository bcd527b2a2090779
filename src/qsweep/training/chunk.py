"""What training yields: consecutive episodes and the Q-table at their end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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
