"""Schedules: epsilon, the probability of a random action, as a pure function of the episode."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qsweep.system.arrays import Floats


def _progress(episodes: npt.NDArray[np.int64], decay_start: int, decay_end: int) -> Floats:
    """Return the completed share of the decay: 0 up to decay_start, 1 from decay_end on.

    If both are the same episode, that one is 0 and the next is 1.
    """
    length = max(decay_end - decay_start, 1)
    return np.clip((episodes - decay_start) / length, 0.0, 1.0)


def linear(
    episodes: npt.NDArray[np.int64], start: float, end: float, decay_start: int, decay_end: int
) -> Floats:
    """Decay linearly from `start` at episode decay_start to `end` at decay_end; constant outside.

    episodes [n], counted from 0 -> epsilon [n]. A value above 1 means: always explore.
    """
    progress = _progress(episodes, decay_start, decay_end)
    return start * (1.0 - progress) + end * progress


def exponential(
    episodes: npt.NDArray[np.int64], start: float, end: float, decay_start: int, decay_end: int
) -> Floats:
    """Decay from `start` to `end` (above 0) by the same factor every episode; constant outside.

    episodes [n], counted from 0 -> epsilon [n].
    """
    progress = _progress(episodes, decay_start, decay_end)
    return start ** (1.0 - progress) * end**progress
