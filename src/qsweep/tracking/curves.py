"""The training curves of a run: trailing average, minimum and maximum of its returns, downsampled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qsweep.system.arrays import Floats

LONG = 256
"""Longest window, in episodes, for which `ShortWindow` is used."""
AVERAGE, LOW, HIGH, EPSILON = "train/return_avg", "train/return_min", "train/return_max", "train/epsilon"
DRAWN = 250
"""Points of a curve in a figure of the report. MLflow's charts draw at most 320, joined by straight lines."""
FOLDS = ((np.add, 0.0), (np.minimum, np.inf), (np.maximum, -np.inf))
"""The reductions over a window, each with its value for an empty window."""


@dataclass(frozen=True)
class Points:
    """Points of several curves.

    episodes: int64[n], counted from 0, increasing. values: maps a metric to float64[n].
    """

    episodes: npt.NDArray[np.int64]
    values: Mapping[str, Floats]


def joined(parts: Sequence[Points]) -> Points:
    """Concatenate consecutive points."""
    names = parts[0].values
    values = {name: np.concatenate([part.values[name] for part in parts]) for name in names}
    return Points(np.concatenate([part.episodes for part in parts]), values)


def stride_for(episodes: int, max_points: int) -> int:
    """Return the stride that keeps at most `max_points` of `episodes` (0: all), including the last."""
    return max(1, -(-episodes // max_points)) if max_points else 1


def logged_strides(episodes: int, max_points: int, window: int) -> dict[str, int]:
    """Return the stride of every curve in a store: multiples of one another, so that runs share their steps.

    Points of minimum and maximum may be a window apart: every episode is in one. Epsilon follows the config.
    With less than DRAWN points, and with `max_points` 0, all have the same.
    """
    stride = stride_for(episodes, max_points)
    drawn = stride_for(-(-episodes // stride), DRAWN) if max_points else 1
    apart = [n for n in range(1, drawn + 1) if drawn % n == 0 and n * stride <= window]
    extremes = stride * max(apart, default=1)
    return {AVERAGE: stride, LOW: extremes, HIGH: extremes, EPSILON: stride * drawn}


def trailing(values: Floats, ends: npt.NDArray[np.int64], window: int) -> tuple[Floats, Floats, Floats]:
    """Return average, minimum and maximum, float64[n] each, over the `window` values up to each end.

    values: float64[m]. ends: int64[n], indices into values, inclusive. Windows near the start are shorter.
    """
    starts = np.maximum(ends - window + 1, 0)
    # reduceat works on [start, end) pairs; the appended value allows an end of m.
    bounds = np.stack([starts, ends + 1], axis=1).ravel()
    padded = np.append(values, 0.0)
    sums, lows, highs = (reduce.reduceat(padded, bounds)[::2] for reduce in (np.add, np.minimum, np.maximum))
    return sums / (ends + 1 - starts), lows, highs


class ShortWindow:
    """A trailing window over a stream of blocks; the cost of a point is proportional to the window."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._tail: Floats = np.empty(0)

    def add(self, values: Floats, ends: npt.NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
        """Return average, minimum and maximum at `ends`, indices into the next values of the stream."""
        joint = np.concatenate([self._tail, values])
        found = trailing(joint, ends + len(self._tail), self._window)
        self._tail = joint[-(self._window - 1) :] if self._window > 1 else self._tail
        return found


class LongWindow:
    """A trailing window over a stream of blocks; the cost of a point does not depend on the window.

    The stream is cut into blocks of the window's length, so a window is the end of one block plus the
    start of the next. Accumulating from both sides of each cut gives sums and extremes without
    subtraction. van Herk (1992); Gil and Werman (1993).
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._block = np.empty(window)
        self._filled = 0
        self._heads = [nothing for _, nothing in FOLDS]
        self._tails = [np.full(window + 1, nothing) for _, nothing in FOLDS]
        self._seen = 0

    def add(self, values: Floats, ends: npt.NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
        """Return average, minimum and maximum at `ends`, indices into the next values of the stream."""
        cuts = range(self._window - self._filled, len(values), self._window)
        parts = [self._within(part) for part in np.split(values, cuts)]
        sums, lows, highs = (np.concatenate(of_all)[ends] for of_all in zip(*parts, strict=True))
        counts = np.minimum(self._seen + ends + 1, self._window)
        self._seen += len(values)
        return sums / counts, lows, highs

    def _within(self, values: Floats) -> list[Floats]:
        """Return sum, minimum and maximum at each of the next values, which lie in one block."""
        first, end = self._filled, self._filled + len(values)
        self._block[first:end] = values
        found = []
        for number, (fold, nothing) in enumerate(FOLDS):
            heads = fold.accumulate(np.concatenate([[self._heads[number]], values]))
            found.append(fold(heads[1:], self._tails[number][first + 1 : end + 1]))
            self._heads[number] = heads[-1]
            if end == self._window:
                self._heads[number] = nothing
                self._tails[number][:-1] = fold.accumulate(self._block[::-1])[::-1]
        self._filled = end % self._window
        return found


class Curves:
    """Turns a run's episodes, block by block, into points of its curves.

    Memory: one block and a few windows, regardless of the length of the run.
    """

    def __init__(self, episodes: int, window: int, max_points: int) -> None:
        self._stride = stride_for(episodes, max_points)
        self._strides = logged_strides(episodes, max_points, window)
        self._last = episodes - 1
        # A window longer than the run never fills.
        self._window = LongWindow(min(window, episodes)) if window > LONG else ShortWindow(window)
        self._next = 0

    def add(self, returns: Floats, epsilon: Floats) -> Points:
        """Return the points that lie in the next block of episodes; returns and epsilon are float64[n]."""
        first, self._next = self._next, self._next + len(returns)
        skip = (self._last - first) % self._stride
        picked = np.arange(skip, len(returns), self._stride)
        average, low, high = self._window.add(returns, picked)
        metrics = {
            AVERAGE: average,
            LOW: low,
            HIGH: high,
            EPSILON: epsilon[picked],
        }
        return Points(picked + first, metrics)

    def logged(self, points: Points) -> Iterator[Points]:
        """Yield the points that a store gets."""
        back = self._last - points.episodes
        for stride in sorted({*self._strides.values()}):
            picked = back % stride == 0
            names = [name for name in points.values if self._strides[name] == stride]
            yield Points(points.episodes[picked], {name: points.values[name][picked] for name in names})
