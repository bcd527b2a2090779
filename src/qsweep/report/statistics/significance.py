"""Significance tests of differences between scores, and correction for many tests.

Two variants differ if two tests say so: the rank-sum test, which asks whether a run of one usually scores
higher, and Welch's test of the means, by which variants are ranked. Neither is enough. The rank-sum test is
exact if both variants have the same distribution of scores; real ones often have other shapes, and then it
finds a "better" one among two variants with the same mean in up to 13% of sweeps. Welch's test alone assumes
means that are nearly normal, and errs in up to 7%. Both together err in 3% of sweeps of two variants, and in
less of more variants: benchmarks/decision_rule.py, docs/decision-rule.md.

Runs with common seeds are also compared in pairs, by the sign-flip test, as additional information; it does
not decide. It needs six pairs to reach 5% at all, and seeds correlate weakly, because one different action
changes everything that follows: over 60 seeds of MountainCar-v0 the scores of 10, 20, 30 and 40 buckets
correlate by -0.19 to 0.16. All runs have the same test starts, so an unpaired comparison excludes their
variance, too.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import special, stats  # type: ignore[import-untyped]

from qsweep.system.arrays import Floats

LEVEL = 0.05
"""The rate at which a verdict may be wrong."""
EXACT_STEPS = 50_000_000
"""The maximum number of additions of an exact rank-sum test: about 50 against 50 seeds."""


def difference_p(x: Floats, y: Floats) -> float:
    """Return the p-value that x [n] and y [m] differ by rank and in their mean: the larger of both tests'.

    A difference must pass both tests, so no correction is needed for doing two (Berger 1982).
    """
    return max(rank_sum_p(x, y), welch_p(x, y))


def welch_p(x: Floats, y: Floats) -> float:
    """Return the two-sided p-value of Welch's t-test that x [n] and y [m] have the same mean.

    1 with fewer than two scores. Of scores that do not vary, equal ones give 1 and others 0.
    """
    if min(len(x), len(y)) < 2:
        return 1.0
    difference, parts = float(x.mean() - y.mean()), [float(z.var(ddof=1)) / len(z) for z in (x, y)]
    if np.ptp(x) == np.ptp(y) == 0:
        return float(x[0] == y[0])
    freedom = sum(parts) ** 2 / sum(part**2 / (len(z) - 1) for part, z in zip(parts, (x, y), strict=True))
    return float(2 * special.stdtr(freedom, -abs(difference) / np.sqrt(sum(parts))))


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


@lru_cache(maxsize=256)
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
    factors = np.count_nonzero(~np.isnan(p_values)) - np.arange(len(p_values))
    corrected = np.empty_like(p_values)
    corrected[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1)
    return corrected
