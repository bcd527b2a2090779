"""Comparison of one variant with others: probability of improvement, difference, and seeds needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, comb

import numpy as np
import numpy.typing as npt
from scipy import stats  # type: ignore[import-untyped]

from qsweep.report.statistics.significance import LEVEL, difference_p, holm, sign_flip_p
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
    """The comparison of one variant, the first, with another.

    p_better: the probability that a run of the first scores higher than one of the other, ties count half;
    interval: its 95% bootstrap interval. p: the two-sided p-value of `difference_p`; holm_p: corrected for
    all comparisons with the first.

    common: the number of seeds that both have. difference: the mean over these of the first's score minus
    the other's, with its interval and the corrected p-value of the sign-flip test; NaN without common seeds.
    more_seeds: about the number of additional seeds that each needs for a significant difference at the
    observed effect; None: more than MAX_SEEDS.
    """

    p_better: float
    interval: Interval
    p: float
    holm_p: float
    common: int
    difference: float
    difference_interval: Interval
    paired_holm_p: float
    more_seeds: int | None


def compare_with_first(
    scores: Sequence[Floats],
    seeds: Sequence[Seeds],
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
) -> list[Comparison]:
    """Compare the first variant with each of the others; return the comparisons in their order.

    scores, seeds: one array [n] per variant, n at least 1; a variant has each seed once.
    """
    first, *others = scores
    pairs = zip(others, seeds[1:], strict=True)
    differences = [common_differences(first, seeds[0], other, of_other) for other, of_other in pairs]
    p_values = np.array([difference_p(first, other) for other in others])
    paired_ps = np.array([sign_flip_p(values, generator) for values in differences])
    columns = (p_values, holm(p_values), holm(paired_ps))
    found = []
    for other, common, tests in zip(others, differences, np.column_stack(columns).tolist(), strict=True):
        p, holm_p, paired_holm_p = tests
        comparison = Comparison(
            p_better=float(probability_of_improvement(first, other)),
            interval=improvement_interval(first, other, generator, resamples),
            p=p,
            holm_p=holm_p,
            common=len(common),
            difference=float(common.mean()) if len(common) else np.nan,
            difference_interval=as_interval(bootstrap_interval(common, np.mean, generator, resamples)),
            paired_holm_p=paired_holm_p,
            more_seeds=_more_seeds(first, other),
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


def seeds_needed(p_better: float, effect: float = np.inf) -> int | None:
    """Estimate the number of seeds that each of two variants needs for a significant difference.

    p_better: P(X > Y). effect: the difference of their means, in root mean squares of their SDs. Both are
    observed or assumed. None: more than MAX_SEEDS, or no number is enough, as at P = 1/2 or no difference.
    The larger number for a power of 80% of two tests: Noether (1987), "Sample Size Determination for Some
    Common Nonparametric Tests", two equal halves of N = (z_(1 - level / 2) + z_power)^2 / (3 (p - 1/2)^2),
    and the usual 2 (z_(1 - level / 2) + z_power)^2 / effect^2 for means. The formulas assume that both are
    known; with estimates from few seeds the result is equally rough.
    """
    by_rank = p_better - 0.5
    if not (by_rank > 0 and effect > 0):
        return None
    z = stats.norm.ppf(1 - LEVEL / 2) + stats.norm.ppf(POWER)
    per_variant = max(z * z / (6 * by_rank * by_rank), 2 * z * z / (effect * effect))
    return ceil(per_variant) if per_variant <= MAX_SEEDS else None


def min_seeds() -> int:
    """Return the smallest number of seeds per variant with which a difference can be significant: 4.

    The smallest possible p-value of the rank-sum test is twice one over the number of ways to choose n of
    2 n.
    """
    n = 2
    while not can_be_significant(n, n):
        n += 1
    return n


def can_be_significant(n: int, m: int) -> bool:
    """Return whether a difference between n and m seeds can be significant, whatever the scores."""
    return min(n, m) > 1 and 2 / comb(n + m, n) <= LEVEL


def _more_seeds(x: Floats, y: Floats) -> int | None:
    """Return the number of additional seeds needed, counted from the smaller of both numbers.

    One seed gives no estimate: then it is the smallest number with which a difference can be significant.
    """
    present = min(len(x), len(y))
    least = max(min_seeds(), present + 1)
    if present < 2:
        return least - present
    spread = float(np.sqrt((x.var(ddof=1) + y.var(ddof=1)) / 2))
    difference = float(x.mean() - y.mean())
    effect = difference / spread if spread else (np.inf if difference > 0 else 0.0)
    needed = seeds_needed(float(probability_of_improvement(x, y)), effect)
    return None if needed is None else max(needed, least) - present
