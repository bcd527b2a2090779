"""What the scores of one variant say over its seeds: location, spread, intervals, profiles, areas.

Seeds are the only source of chance here: a score is one number per trained run, higher is better.
All intervals are at 95%. Where there are fewer than two seeds there is no interval: it is NaN.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats  # type: ignore[import-untyped]

Floats = npt.NDArray[np.float64]
Interval = tuple[float, float]
"""Low and high end; NaN where none can be given."""

RESAMPLES = 5000
"""Bootstrap resamples: the ends of an interval then vary by about a hundredth of its width."""
BATCH = 2_000_000
"""Resampled scores held in memory at a time."""
NONE: Interval = (np.nan, np.nan)


@dataclass(frozen=True)
class Summary:
    """The scores of one variant over n seeds.

    sd: with n - 1 below the line, NaN with one seed. interval: of the mean. All NaN where n is 0.
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
    """The interquartile mean of scores [..., n] over the last, or another, axis: [...].

    The mean of what is left without the lowest and the highest quarter, each rounded down to whole
    scores, so that up to three scores all count. Agarwal et al. (2021), "Deep Reinforcement Learning at
    the Edge of the Statistical Precipice", section 4.3; rliable's `aggregate_iqm` is the same trimmed mean.
    """
    return np.asarray(stats.trim_mean(scores, 0.25, axis=axis))


def bootstrap_interval(
    scores: Floats,
    statistic: Callable[..., Any],
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Floats:
    """The 95% bootstrap interval of a statistic of scores [..., n] over the last axis: [..., 2].

    statistic takes an array and `axis`, as np.mean does. The same seeds are drawn for every row, so that
    the points of a curve stay together. Percentile method: Efron and Tibshirani (1993), section 13.3; it is
    rliable's too. It stays inside the range of the scores and needs no derivative, while BCa's correction is
    estimated from n values and is undefined when they are equal. With under ten seeds either is too narrow
    (five normal scores: about 83% instead of 95%), so no verdict rests on it alone.
    NaN with fewer than two scores; of zero width where all scores are equal.
    """
    shape = (*scores.shape[:-1], 2)
    if scores.shape[-1] < 2 or not scores.size:
        return np.full(shape, np.nan)
    found = stats.bootstrap(
        (scores,),
        statistic,
        n_resamples=resamples,
        batch=max(1, BATCH // scores.size),
        vectorized=True,
        axis=-1,
        method="percentile",
        rng=generator,
    ).confidence_interval
    interval = np.stack([found.low, found.high], axis=-1)
    # The mean of equal scores may differ from them in the last bit, by the order of the sum.
    level = np.ptp(scores, axis=-1) == 0
    interval[level] = np.asarray(statistic(scores, axis=-1))[level, np.newaxis]
    return interval


def summaries(
    samples: Sequence[Floats], generator: np.random.Generator, resamples: int = RESAMPLES
) -> list[Summary]:
    """The summary of each variant, given by its scores [n]; n may differ between them, and be 0."""
    numbers: dict[int, list[int]] = defaultdict(list)
    for number, scores in enumerate(samples):
        numbers[len(scores)].append(number)
    found: dict[int, Summary] = {}
    for n in sorted(numbers):  # variants with as many seeds go through one bootstrap
        stacked = np.stack([np.asarray(samples[number], dtype=np.float64) for number in numbers[n]])
        found |= zip(numbers[n], _summaries(stacked, generator, resamples), strict=True)
    return [found[number] for number in range(len(samples))]


def _summaries(scores: Floats, generator: np.random.Generator, resamples: int) -> list[Summary]:
    """The summaries of the rows of scores [variants, n]."""
    variants, n = scores.shape
    if n == 0:
        return [Summary(0, np.nan, np.nan, NONE, np.nan, NONE, np.nan, np.nan)] * variants
    sds = scores.std(axis=-1, ddof=1) if n > 1 else np.full(variants, np.nan)
    sds[np.ptp(scores, axis=-1) == 0] = 0 if n > 1 else np.nan
    means, iqms = scores.mean(axis=-1), iqm(scores)
    of_mean = bootstrap_interval(scores, np.mean, generator, resamples)
    of_iqm = bootstrap_interval(scores, iqm, generator, resamples)
    columns = (means, sds, of_mean, iqms, of_iqm, scores.min(axis=-1), scores.max(axis=-1))
    return [
        Summary(n, float(mean), float(sd), pair(ends), float(mid), pair(mid_ends), float(low), float(high))
        for mean, sd, ends, mid, mid_ends, low, high in zip(*columns, strict=True)
    ]


def pair(ends: Floats) -> Interval:
    """An interval as two numbers, from an array [2]."""
    return float(ends[0]), float(ends[1])


def performance_profile(scores: Floats, thresholds: Floats) -> Floats:
    """The share of runs with a score above each threshold: [t], from scores [n] and thresholds [t].

    Agarwal et al. (2021), section 4.2, equation 2: the score distribution's tail, for one task.
    """
    return np.asarray(np.mean(scores[:, np.newaxis] > thresholds, axis=0))


def profile_band(scores: Floats, thresholds: Floats) -> Floats:
    """The pointwise 95% bootstrap band of the performance profile: [t, 2]; NaN with fewer than two scores.

    Of n runs drawn with replacement, the number above a threshold is binomial, with the observed share: its
    quantiles are what infinitely many resamples would give, so none are drawn.
    """
    n = len(scores)
    if n < 2:
        return np.full((len(thresholds), 2), np.nan)
    share = performance_profile(scores, thresholds)[:, np.newaxis]
    return np.asarray(stats.binom.ppf([0.025, 0.975], n, share) / n)


def area_under_curve(episodes: npt.NDArray[np.integer[Any]], values: Floats) -> Floats:
    """The area under curves [..., points], by trapezia, divided by the episodes it spans: [...].

    So it is the curve's mean height, in units of return, and comparable between lengths of training.
    episodes [points]: ascending, evenly spaced or not. One point: its own height.
    """
    if len(episodes) == 1:
        return values[..., 0]
    return np.asarray(np.trapezoid(values, episodes, axis=-1) / (episodes[-1] - episodes[0]))
