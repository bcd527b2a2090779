"""Comparison of one variant with others: probability of improvement, difference, and seeds needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, comb

import numpy as np
import numpy.typing as npt
from scipy import stats  # type: ignore[import-untyped]

from qsweep.report.statistics.significance import LEVEL, holm, holm_factors, rank_sum_p, sign_flip_p
from qsweep.report.statistics.summaries import (
    NONE,
    RESAMPLES,
    Interval,
    as_interval,
    bootstrap_interval,
    percentiles,
)
from qsweep.system.arrays import Floats

Seeds = npt.NDArray[np.int64]

POWER = 0.8
MAX_SEEDS = 10_000
"""The largest number of needed seeds that is reported."""


@dataclass(frozen=True)
class Comparison:
    """The comparison of the leader with one other variant.

    p_better: the probability that a run of the leader scores higher than one of the other, ties count half;
    interval: its 95% bootstrap interval. holm_p: the p-value of the exact two-sided rank-sum test,
    corrected for all comparisons with the leader. significant: the interval lies above 0.5 and holm_p is at
    most 5%.

    common: the number of seeds that both have. difference: the mean over these of the leader's score minus
    the other's, with its interval and the corrected p-value of the sign-flip test; NaN without common seeds.
    more_seeds: the number of additional seeds that each variant needs for a significant difference; 0: none;
    None: more than MAX_SEEDS.
    """

    p_better: float
    interval: Interval
    holm_p: float
    common: int
    difference: float
    difference_interval: Interval
    paired_holm_p: float
    more_seeds: int | None
    significant: bool


def compare_with_first(
    scores: Sequence[Floats],
    seeds: Sequence[Seeds],
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
) -> list[Comparison]:
    """Compare the first variant with each of the others; return the comparisons in their order.

    scores, seeds: one array [n] per variant, n at least 1; a variant has each seed once.
    """
    leader, *others = scores
    pairs = zip(others, seeds[1:], strict=True)
    differences = [common_differences(leader, seeds[0], other, of_other) for other, of_other in pairs]
    p_values = np.array([rank_sum_p(leader, other) for other in others])
    paired_ps = np.array([sign_flip_p(values, generator) for values in differences])
    columns = (holm(p_values), holm_factors(p_values), holm(paired_ps))
    found = []
    for other, common, tests in zip(others, differences, np.column_stack(columns).tolist(), strict=True):
        holm_p, factor, paired_holm_p = tests
        p_better = float(probability_of_improvement(leader, other))
        interval = improvement_interval(leader, other, generator, resamples)
        significant = interval[0] > 0.5 and holm_p <= LEVEL
        comparison = Comparison(
            p_better=p_better,
            interval=interval,
            holm_p=holm_p,
            common=len(common),
            difference=float(common.mean()) if len(common) else np.nan,
            difference_interval=as_interval(bootstrap_interval(common, np.mean, generator, resamples)),
            paired_holm_p=paired_holm_p,
            more_seeds=0 if significant else _more_seeds(p_better, len(leader), len(other), int(factor)),
            significant=significant,
        )
        found.append(comparison)
    return found


def probability_of_improvement(x: Floats, y: Floats, axis: int = -1) -> Floats:
    """Return P(X > Y) + P(X = Y) / 2 over all pairs of x [..., n] and y [..., m], as an array [...].

    Agarwal et al. (2021), section 4.3: the Mann-Whitney U statistic divided by n m.
    """
    x, y = np.moveaxis(x, axis, -1)[..., :, np.newaxis], np.moveaxis(y, axis, -1)[..., np.newaxis, :]
    return np.asarray((np.mean(x > y, axis=(-2, -1)) + np.mean(x >= y, axis=(-2, -1))) / 2)


class _ResampledWins:
    """P(X > Y) of resamples from x [n] and y [m], given by the indices of the drawn scores.

    For finite scores the result equals `probability_of_improvement` of the drawn scores bit for bit, because
    wins are counted as integers. With 250 seeds it takes a twentieth of the time: scores below are counted
    per resample, not per pair.
    """

    def __init__(self, x: Floats, y: Floats) -> None:
        order = np.argsort(y)
        self._rank = np.argsort(order)
        self._below, self._up_to = (np.searchsorted(y[order], x, side) for side in ("left", "right"))

    def share(self, drawn: Seeds, others: Seeds, axis: int = -1) -> Floats:
        """Return P(X > Y) [resamples] from drawn indices into x [resamples, n] and y [resamples, m]."""
        assert axis == -1
        (rows, m), row = others.shape, np.arange(len(others))[:, np.newaxis]
        times = np.bincount((self._rank[others] + m * row).ravel(), minlength=rows * m).reshape(rows, m)
        lower = np.zeros((rows, m + 1), np.int64)  # drawn scores of y before each rank
        np.cumsum(times, axis=-1, out=lower[:, 1:])
        wins = (lower[row, ranks[drawn]].sum(axis=-1) for ranks in (self._below, self._up_to))
        return np.asarray(sum(count / (drawn.shape[-1] * m) for count in wins) / 2)


def improvement_interval(
    x: Floats, y: Floats, generator: np.random.Generator, resamples: int = RESAMPLES
) -> Interval:
    """Return the 95% percentile bootstrap interval of P(X > Y), resampling each variant independently.

    NaN if x or y has fewer than two scores.
    """
    if min(len(x), len(y)) < 2:
        return NONE
    indices = (np.arange(len(x)), np.arange(len(y)))
    low, high = percentiles(indices, _ResampledWins(x, y).share, generator, resamples)
    return float(low), float(high)


def common_differences(x: Floats, x_seeds: Seeds, y: Floats, y_seeds: Seeds) -> Floats:
    """Return the scores x minus y of the common seeds, by ascending seed: [common]."""
    _, in_x, in_y = np.intersect1d(x_seeds, y_seeds, assume_unique=True, return_indices=True)
    return x[in_x] - y[in_y]


def seeds_needed(p_better: float, level: float = LEVEL, power: float = POWER) -> int | None:
    """Estimate the number of seeds that each of two variants needs for a significant rank-sum test.

    p_better: P(X > Y), observed or assumed. None: more than MAX_SEEDS, or no number is enough, as at 1/2.
    Noether (1987), "Sample Size Determination for Some Common Nonparametric Tests": two equal halves of
    N = (z_(1 - level / 2) + z_power)^2 / (3 (p - 1/2)^2). The formula assumes that p is known; with an
    estimate of p from few seeds the result is equally rough.
    """
    effect = p_better - 0.5
    if not effect > 0:
        return None
    z = stats.norm.ppf(1 - level / 2) + stats.norm.ppf(power)
    per_variant = z * z / (6 * effect * effect)
    return ceil(per_variant) if per_variant <= MAX_SEEDS else None


def min_seeds(comparisons: int) -> int:
    """Return the smallest number of seeds per variant with which any rank-sum test can be significant.

    The smallest possible p-value is twice one over the number of ways to choose n of 2 n, and must pass
    Holm's first step.
    """
    n = 2
    while not can_be_significant(n, n, comparisons):
        n += 1
    return n


def can_be_significant(n: int, m: int, comparisons: int) -> bool:
    """Return whether the rank-sum test of n against m seeds can reach 5% as one of several comparisons."""
    return 2 * comparisons <= LEVEL * comb(n + m, n)


def _more_seeds(p_better: float, n: int, m: int, factor: int) -> int | None:
    """Return the number of additional seeds needed at Holm's level, counted from the smaller of n and m.

    One seed gives no estimate: then it is the smallest number with which the test can be significant.
    """
    present = min(n, m)
    least = max(min_seeds(factor), present + 1)
    if present < 2:
        return least - present
    needed = seeds_needed(p_better, LEVEL / factor)
    return None if needed is None else max(needed, least) - present
