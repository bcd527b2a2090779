"""Summaries of one variant's scores over its seeds: location, spread, intervals, profiles, areas.

Seeds are the only source of randomness: a score is one number per trained run, higher is better. All
intervals are at 95%. An interval of fewer than two seeds is NaN.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats  # type: ignore[import-untyped]

from qsweep.system.arrays import Floats

Interval = tuple[float, float]
"""Low and high end; NaN if unknown."""

RESAMPLES = 5000
"""Number of bootstrap resamples: the ends of an interval vary by about a hundredth of its width."""
BATCH = 2_000_000
"""The maximum number of resampled scores in memory."""
NONE: Interval = (np.nan, np.nan)


@dataclass(frozen=True)
class Summary:
    """The summary of one variant's scores over n seeds.

    sd: with the divisor n - 1, NaN with one seed. interval: of the mean. All are NaN if n is 0.
    """

    n: int
    mean: float
    sd: float
    interval: Interval
    iqm: float
    iqm_interval: Interval
    worst: float
    best: float


def iqm(scores: Floats, axis: int = -1) -> Floats:
    """Return the interquartile mean of scores [..., n] over an axis, by default the last: [...].

    It is the mean without the lowest and the highest quarter, whose numbers of scores are rounded down, so
    that up to three scores all count. Agarwal et al. (2021), "Deep Reinforcement Learning at the Edge of the
    Statistical Precipice", section 4.3; rliable's `aggregate_iqm` is the same trimmed mean.
    """
    return np.asarray(stats.trim_mean(scores, 0.25, axis=axis))


def bootstrap_interval(
    scores: Floats,
    statistic: Callable[..., Any],
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Floats:
    """Return the 95% bootstrap interval of a statistic of scores [..., n] over the last axis: [..., 2].

    statistic: takes an array and `axis`, as np.mean does. All rows use the same resamples of seeds, so that
    the points of a curve vary together. The interval is NaN with fewer than two scores, and has width 0 if
    all scores are equal.

    Percentile method, as in rliable: Efron and Tibshirani (1993), section 13.3. It stays inside the range of
    the scores and needs no derivative, while BCa's correction is estimated from n values and is undefined
    if they are equal. With fewer than ten seeds both are too narrow (five normal scores: about 83% instead
    of 95%), so no verdict depends on the interval alone.
    """
    shape = (*scores.shape[:-1], 2)
    if scores.shape[-1] < 2 or not scores.size:
        return np.full(shape, np.nan)
    interval = np.stack(percentiles((scores,), statistic, generator, resamples), axis=-1)
    # The mean of equal scores may differ from them in the last bit, depending on the order of the sum.
    level = np.ptp(scores, axis=-1) == 0
    interval[level] = np.asarray(statistic(scores, axis=-1))[level, np.newaxis]
    return interval


def percentiles(
    samples: tuple[npt.NDArray[Any], ...],
    statistic: Callable[..., Any],
    generator: np.random.Generator,
    resamples: int,
) -> tuple[Floats, Floats]:
    """Return the low and high ends [...] of the 95% percentile bootstrap interval of samples [..., n]."""
    found = stats.bootstrap(
        samples,
        statistic,
        n_resamples=resamples,
        batch=max(1, BATCH // math.prod(sample.size for sample in samples)),
        vectorized=True,
        axis=-1,
        method="percentile",
        rng=generator,
    ).confidence_interval
    return found.low, found.high


def summaries(
    samples: Sequence[Floats], generator: np.random.Generator, resamples: int = RESAMPLES
) -> list[Summary]:
    """Return the summary of each variant's scores [n]; n may differ between variants, and be 0."""
    numbers: dict[int, list[int]] = defaultdict(list)
    for number, scores in enumerate(samples):
        numbers[len(scores)].append(number)
    found: dict[int, Summary] = {}
    for n in sorted(numbers):  # variants with the same number of seeds share one bootstrap
        stacked = np.stack([np.asarray(samples[number], dtype=np.float64) for number in numbers[n]])
        found |= zip(numbers[n], _summaries(stacked, generator, resamples), strict=True)
    return [found[number] for number in range(len(samples))]


def _summaries(scores: Floats, generator: np.random.Generator, resamples: int) -> list[Summary]:
    """Return the summaries of the rows of scores [variants, n]."""
    variants, n = scores.shape
    if n == 0:
        return [Summary(0, np.nan, np.nan, NONE, np.nan, NONE, np.nan, np.nan)] * variants
    sds = scores.std(axis=-1, ddof=1) if n > 1 else np.full(variants, np.nan)
    sds[np.ptp(scores, axis=-1) == 0] = 0 if n > 1 else np.nan
    means, iqms = scores.mean(axis=-1), iqm(scores)
    of_mean = bootstrap_interval(scores, np.mean, generator, resamples)
    of_iqm = bootstrap_interval(scores, iqm, generator, resamples)
    intervals, iqm_intervals = (map(as_interval, ends) for ends in (of_mean, of_iqm))
    worst, best = scores.min(axis=-1).tolist(), scores.max(axis=-1).tolist()
    columns = (means.tolist(), sds.tolist(), intervals, iqms.tolist(), iqm_intervals, worst, best)
    return [Summary(n, *row) for row in zip(*columns, strict=True)]


def as_interval(ends: Floats) -> Interval:
    """Return an interval from an array [2]."""
    return float(ends[0]), float(ends[1])


def performance_profile(scores: Floats, thresholds: Floats) -> Floats:
    """Return the share of runs with a score above each threshold: [t], from scores [n], thresholds [t].

    Agarwal et al. (2021), section 4.2, equation 2: the tail of the score distribution, for one task.
    """
    return np.asarray(np.mean(scores[:, np.newaxis] > thresholds, axis=0))


def profile_band(scores: Floats, thresholds: Floats) -> Floats:
    """Return the pointwise 95% bootstrap band of the performance profile: [t, 2]; NaN with one score.

    The number of n resampled runs above a threshold has a binomial distribution with the observed share. Its
    quantiles are the limit of infinitely many resamples, so none are drawn.
    """
    n = len(scores)
    if n < 2:
        return np.full((len(thresholds), 2), np.nan)
    share = performance_profile(scores, thresholds)[:, np.newaxis]
    return np.asarray(stats.binom.ppf([0.025, 0.975], n, share) / n)


def area_under_curve(episodes: npt.NDArray[np.integer[Any]], values: Floats) -> Floats:
    """Return the area under curves [..., points] by the trapezoidal rule, per episode: [...].

    Divided by the range of episodes, it is the mean height of the curve, in units of return, and comparable
    between trainings of different length. episodes [points]: ascending, evenly spaced or not. The area of a
    single point is its value.
    """
    if len(episodes) == 1:
        return values[..., 0]
    return np.asarray(np.trapezoid(values, episodes, axis=-1) / (episodes[-1] - episodes[0]))
