"""Tests of whether scores differ by more than chance, exact for few seeds, and their correction for many.

What decides between two variants is the rank-sum test. With 2 to 10 seeds the percentile bootstrap of the
probability of improvement is far too narrow (five seeds that all score above five others give 1 to 1), and
what a t-test supposes cannot be checked. Where two variants score alike, an exact test is wrong no more
often than it says, whatever the distribution of the scores. It shows its limits too: with three seeds each
it can tell nothing. Where only the spreads differ, and vastly, it is wrong somewhat more often: in 8 to 10%
of comparisons of 5 or 10 normal scores with an SD of 1 against one of 20.

Runs with a common seed are compared in pairs as well, by the sign-flip test, for what that adds; it does not
decide. It needs six pairs to come below 5% at all, and seeds pair weakly, because one different action
changes all that follows: over 60 seeds of MountainCar-v0 the scores of 10, 20, 30 and 40 buckets correlate
by -0.19 to 0.16. Test starts are common to all runs, so their chance is out of an unpaired comparison too.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from qsweep.report.statistics.summaries import Floats

LEVEL = 0.05
"""The chance of telling alike variants apart, over all comparisons of a verdict."""
EXACT_STEPS = 50_000_000
"""Additions up to which ranks are tested exactly: about 50 against 50 seeds."""


def rank_sum_p(x: Floats, y: Floats) -> float:
    """The two-sided p-value of the Wilcoxon-Mann-Whitney rank-sum test of x [n] against y [m].

    Exact, for ties too, which have their mean rank: the share of all divisions of the pooled ranks whose
    rank sum lies as far from its mean as the observed one. Beyond EXACT_STEPS the normal approximation,
    corrected for ties, which is good there.
    """
    few, many = sorted((x, y), key=len)
    pooled = np.concatenate([few, many])
    if np.ptp(pooled) == 0:
        return 1.0
    total = len(pooled)
    if len(few) * total * total * (total + 1) > EXACT_STEPS:
        return float(stats.mannwhitneyu(x, y, method="asymptotic").pvalue)
    doubled = np.rint(2 * stats.rankdata(pooled)).astype(np.int64)  # mean ranks are whole or half
    ways = _rank_sums(len(few), tuple(np.sort(doubled).tolist()))
    away = np.abs(np.arange(len(ways)) - len(few) * (total + 1))
    observed = abs(int(doubled[: len(few)].sum()) - len(few) * (total + 1))
    return float(ways[away >= observed].sum() / ways.sum())


@lru_cache(maxsize=32)
def _rank_sums(size: int, ranks: tuple[int, ...]) -> Floats:
    """In how many ways `size` of the ranks, ascending, add up to each sum from 0: [sums].

    The shift algorithm: Streitberg and Roehmel (1986), "Exact Distributions for Permutation and Rank Tests".
    """
    sums = sum(ranks[-size:]) + 1
    ways = np.zeros((size + 1, sums))
    ways[0, 0] = 1
    for rank in ranks:
        ways[1:, rank:] += ways[:-1, : sums - rank]
    return np.asarray(ways[size])


def sign_flip_p(differences: Floats, generator: np.random.Generator) -> float:
    """The two-sided p-value of paired differences [n] having mean 0, by flipping signs; NaN without any.

    Exact up to 13 pairs, whose 2^n flips are all counted; beyond, 9,999 random ones, and the observed
    one counts with them. Fisher (1935), "The Design of Experiments", section 21; Phipson and Smyth (2010).
    Preferred to Wilcoxon's signed ranks for testing the very mean that is shown, zeros and ties included.
    No p is below 2^(1 - n): with five pairs 0.0625.
    """
    if len(differences) < 2:  # the one flip is as far from 0
        return 1.0 if len(differences) else np.nan
    flipped = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", vectorized=True, n_resamples=9999, rng=generator
    )
    return float(flipped.pvalue)


def holm(p_values: Floats) -> Floats:
    """The p-values [k] corrected for all k comparisons, by Holm's steps; NaN stays NaN and does not count.

    Holm (1979), "A Simple Sequentially Rejective Multiple Test Procedure": the error of all together is kept.
    """
    order = np.argsort(p_values)  # NaN last
    corrected = np.empty_like(p_values)
    corrected[order] = np.minimum(np.maximum.accumulate((p_values * holm_factors(p_values))[order]), 1)
    return corrected


def holm_factors(p_values: Floats) -> Floats:
    """By what Holm's steps multiply each p-value: k for the smallest, 1 for the largest."""
    count = np.count_nonzero(~np.isnan(p_values))
    factors = np.empty(len(p_values))
    factors[np.argsort(p_values, kind="stable")] = count - np.arange(len(p_values))
    return factors
