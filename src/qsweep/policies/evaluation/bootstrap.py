"""The interval of a mean by the bootstrap: Efron and Tibshirani (1993), section 13.3."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from qsweep import seeds
from qsweep.system.arrays import Floats

RESAMPLES = 2000
FEW = 1000
"""Largest n for which the counts of each resample are cached: 16 MB for each of two n."""
ROOM = 2**20
"""Counts of distinct values held in memory at a time."""


def mean_interval(values: Floats) -> tuple[float, float]:
    """Return the 95% percentile bootstrap interval of the mean of finite values [n].

    Up to n = `FEW`, all calls with the same n use the same resamples.
    """
    n, one = len(values), values[0]
    beyond = values - one  # so that the means of equal values are exact
    means = one + (_counts(n) @ beyond if n <= FEW else _sums_of_many(beyond)) / n
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


@lru_cache(maxsize=2)
def _counts(n: int) -> Floats:
    """Return how often each resample of n values contains each of them, float64[RESAMPLES, n]."""
    generator, counts = seeds.bootstrap(), np.empty((RESAMPLES, n))
    for row in counts:
        row[:] = np.bincount(generator.integers(0, n, n), minlength=n)
    return counts


def _sums_of_many(values: Floats) -> Floats:
    """Return the sum of each resample, drawn as counts of the distinct values, which are far fewer."""
    generator = seeds.bootstrap()
    distinct, times = np.unique(values, return_counts=True)
    at_once = max(1, ROOM // len(distinct))  # does not change the draws
    sizes = (min(at_once, RESAMPLES - first) for first in range(0, RESAMPLES, at_once))
    counts = (generator.multinomial(len(values), times / len(values), size=size) for size in sizes)
    return np.concatenate([drawn @ distinct for drawn in counts])
