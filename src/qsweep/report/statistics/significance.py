"""Significance tests of differences between scores, exact for few seeds, and correction for many tests.

The rank-sum test decides between two variants. With 2 to 10 seeds the percentile bootstrap of the probability
of improvement is far too narrow (five seeds that all score above five others give 1 to 1), and the
assumptions of a t-test cannot be checked. If two variants have the same distribution of scores, an exact test
has at most its nominal error rate, whatever that distribution is. It also shows its limits: with three seeds
each it cannot be significant. If only the spreads differ, and by much, its error rate is somewhat higher: 8
to 10% in comparisons of 5 or 10 normal scores with an SD of 1 against an SD of 20.

Runs with common seeds are also compared in pairs, by the sign-flip test, as additional information; it does
not decide. It needs six pairs to reach 5% at all, and seeds correlate weakly, because one different action
changes everything that follows: over 60 seeds of MountainCar-v0 the scores of 10, 20, 30 and 40 buckets
correlate by -0.19 to 0.16. All runs have the same test starts, so an unpaired comparison excludes their
variance, too.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from qsweep.system.arrays import Floats

LEVEL = 0.05
"""The family-wise error rate of all comparisons of a verdict."""
EXACT_STEPS = 50_000_000
"""The maximum number of additions of an exact rank-sum test: about 50 against 50 seeds."""


def rank_sum_p(x: Floats, y: Floats) -> float:
    """Return the two-sided p-value of the Wilcoxon-Mann-Whitney rank-sum test of x [n] against y [m].

    It is exact, also for ties, which have their mean rank: the share of all divisions of the pooled ranks
    whose rank sum is at least as far from its mean as the observed one. Beyond EXACT_STEPS it is the normal
    approximation, corrected for ties, which is accurate there.
    """
    few, many = sorted((x, y), key=len)
    pooled = np.concatenate([few, many])
    if np.ptp(pooled) == 0:
        return 1.0
    total = len(pooled)
    if len(few) * total * total * (total + 1) > EXACT_STEPS:
        return float(stats.mannwhitneyu(x, y, method="asymptotic").pvalue)
    doubled = np.rint(2 * stats.rankdata(pooled)).astype(np.int64)  # mean ranks are multiples of 1/2
    ways = _rank_sums(len(few), tuple(np.sort(doubled).tolist()))
    distance = np.abs(np.arange(len(ways)) - len(few) * (total + 1))
    observed = abs(int(doubled[: len(few)].sum()) - len(few) * (total + 1))
    return float(ways[distance >= observed].sum() / ways.sum())


@lru_cache(maxsize=32)
def _rank_sums(size: int, ranks: tuple[int, ...]) -> Floats:
    """Return the number of ways in which `size` of the ascending ranks add up to each sum from 0: [sums].

    The shift algorithm: Streitberg and Roehmel (1986), "Exact Distributions for Permutation and Rank Tests".
    """
    sums = sum(ranks[-size:]) + 1
    ways = np.zeros((size + 1, sums))
    ways[0, 0] = 1
    for rank in ranks:
        ways[1:, rank:] += ways[:-1, : sums - rank]
    return np.asarray(ways[size])


def sign_flip_p(differences: Floats, generator: np.random.Generator) -> float:
    """Return the two-sided p-value of the sign-flip test that paired differences [n] have mean 0.

    NaN without differences. Exact up to 13 pairs, with all 2^n flips; beyond, 9,999 random flips and the
    observed signs. Fisher (1935), "The Design of Experiments", section 21; Phipson and Smyth (2010). It is
    preferred to Wilcoxon's signed-rank test because it tests the mean that is reported, and allows zeros and
    ties. The smallest p-value is 2^(1 - n): with five pairs 0.0625.
    """
    if len(differences) < 2:  # the only other flip has the same distance from 0
        return 1.0 if len(differences) else np.nan
    flipped = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", vectorized=True, n_resamples=9999, rng=generator
    )
    return float(flipped.pvalue)


def holm(p_values: Floats) -> Floats:
    """Return p-values [k] corrected for k comparisons by Holm's method; NaN stays NaN and is not counted.

    Holm (1979), "A Simple Sequentially Rejective Multiple Test Procedure": it controls the family-wise error.
    """
    order = np.argsort(p_values)  # NaN last
    corrected = np.empty_like(p_values)
    corrected[order] = np.minimum(np.maximum.accumulate((p_values * holm_factors(p_values))[order]), 1)
    return corrected


def holm_factors(p_values: Floats) -> Floats:
    """Return the factor of each p-value in Holm's method: k for the smallest, 1 for the largest."""
    count = np.count_nonzero(~np.isnan(p_values))
    factors = np.empty(len(p_values))
    factors[np.argsort(p_values, kind="stable")] = count - np.arange(len(p_values))
    return factors
