"""The interval of a mean by the bootstrap: Efron and Tibshirani (1993), section 13.3."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from qsweep import seeds
from qsweep.system.arrays import Floats

RESAMPLES = 2000
FEW = 1000
"""Values up to which it is remembered how often each resample holds each of them: 16 MB, of two such n."""
ROOM = 2**20
"""Counts of distinct values that are in memory at a time."""


def mean_interval(values: Floats) -> tuple[float, float]:
    """The 95% percentile bootstrap interval of the mean of values [n], which are finite.

    Of up to `FEW` values, the resamples of any n are the same.
    """
    n, one = len(values), values[0]
    beyond = values - one  # of equal values each resample's mean is exactly that
    means = one + (_counts(n) @ beyond if n <= FEW else _sums_of_many(beyond)) / n
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


@lru_cache(maxsize=2)
def _counts(n: int) -> Floats:
    """How often each resample of n values holds each of them, float64[RESAMPLES, n]: a product sums them."""
    generator, counts = seeds.bootstrap(), np.empty((RESAMPLES, n))
    for row in counts:
        row[:] = np.bincount(generator.integers(0, n, n), minlength=n)
    return counts


def _sums_of_many(values: Floats) -> Floats:
    """The sum of each resample, drawn as the counts of the distinct values, of which there are far fewer."""
    generator = seeds.bootstrap()
    distinct, times = np.unique(values, return_counts=True)
    at_once = max(1, ROOM // len(distinct))  # the draws are the same, however many at a time
    sizes = (min(at_once, RESAMPLES - first) for first in range(0, RESAMPLES, at_once))
    counts = (generator.multinomial(len(values), times / len(values), size=size) for size in sizes)
    return np.concatenate([drawn @ distinct for drawn in counts])
