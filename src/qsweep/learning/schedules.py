"""Epsilon, the probability of a random action, as a pure function of the episode."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def _progress(episodes: npt.NDArray[np.int64], decay_start: int, decay_end: int) -> Floats:
    """How much of the decay lies behind each episode: 0 up to decay_start, 1 from decay_end on.

    Where they are one episode, that one is still 0 and the next is 1.
    """
    length = max(decay_end - decay_start, 1)
    return np.clip((episodes - decay_start) / length, 0.0, 1.0)


def constant(episodes: npt.NDArray[np.int64], start: float) -> Floats:
    """`start` in every episode."""
    return np.full(len(episodes), start)


def linear(
    episodes: npt.NDArray[np.int64], start: float, end: float, decay_start: int, decay_end: int
) -> Floats:
    """A straight line from `start` at episode decay_start to `end` at decay_end; level outside.

    episodes [n], counted from 0 -> epsilon [n]. `start` above 1 means: always explore.
    """
    progress = _progress(episodes, decay_start, decay_end)
    return start * (1.0 - progress) + end * progress


def exponential(
    episodes: npt.NDArray[np.int64], start: float, end: float, decay_start: int, decay_end: int
) -> Floats:
    """From `start` to `end` (above 0) by the same factor every episode; level outside.

    episodes [n], counted from 0 -> epsilon [n].
    """
    progress = _progress(episodes, decay_start, decay_end)
    return start ** (1.0 - progress) * end**progress
