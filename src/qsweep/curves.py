"""Episodes as they come -> the curves of a run: trailing average, minimum and maximum, thinned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Points:
    """Some points of several curves.

    episodes int64[n], counted from 0, increasing. values: metric -> float64[n].
    """

    episodes: npt.NDArray[np.int64]
    values: Mapping[str, Floats]


def joined(parts: Sequence[Points]) -> Points:
    """Consecutive points as one."""
    names = parts[0].values
    values = {name: np.concatenate([part.values[name] for part in parts]) for name in names}
    return Points(np.concatenate([part.episodes for part in parts]), values)


def thinned(episodes: int, max_points: int) -> int:
    """The stride that leaves at most `max_points` of `episodes` (0: all), the last always among them."""
    return max(1, -(-episodes // max_points)) if max_points else 1


def trailing(values: Floats, ends: npt.NDArray[np.int64], window: int) -> tuple[Floats, Floats, Floats]:
    """Average, minimum and maximum over the `window` values up to and including each of `ends`.

    values [m], ends [n] indices into it -> three float64[n]. Near the start a window holds fewer.
    """
    starts = np.maximum(ends - window + 1, 0)
    # reduceat works on [start, end) pairs; the sentinel makes an end of m legal.
    bounds = np.stack([starts, ends + 1], axis=1).ravel()
    padded = np.append(values, 0.0)
    sums, lows, highs = (reduce.reduceat(padded, bounds)[::2] for reduce in (np.add, np.minimum, np.maximum))
    return sums / (ends + 1 - starts), lows, highs


class Curves:
    """Turns a run's episodes, block by block, into the points of its curves.

    Holds no more than a block and a window of returns, however long the run.
    """

    def __init__(self, episodes: int, window: int, max_points: int) -> None:
        self._stride = thinned(episodes, max_points)
        self._phase = (episodes - 1) % self._stride
        self._window = window
        self._tail: Floats = np.empty(0)
        self._next = 0

    def add(self, returns: Floats, epsilon: Floats) -> Points:
        """The points that lie in the next block of episodes: returns [n], epsilon [n]."""
        first, self._next = self._next, self._next + len(returns)
        skip = (self._phase - first) % self._stride
        picked = np.arange(skip, len(returns), self._stride)
        values = np.concatenate([self._tail, returns])
        average, low, high = trailing(values, picked + len(self._tail), self._window)
        self._tail = values[-(self._window - 1) :] if self._window > 1 else self._tail
        metrics = {
            "train/return_avg": average,
            "train/return_min": low,
            "train/return_max": high,
            "train/epsilon": epsilon[picked],
        }
        return Points(picked + first, metrics)
