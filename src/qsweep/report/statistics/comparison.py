"""One variant against the others: how likely it is better, by how much, and how many seeds would tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, comb

import numpy as np
import numpy.typing as npt
from scipy import stats  # type: ignore[import-untyped]

from qsweep.report.statistics.significance import LEVEL, holm, holm_factors, rank_sum_p, sign_flip_p
from qsweep.report.statistics.summaries import (
    BATCH,
    NONE,
    RESAMPLES,
    Floats,
    Interval,
    bootstrap_interval,
    pair,
)

Seeds = npt.NDArray[np.int64]

POWER = 0.8
MOST_SEEDS = 10_000
"""Beyond so many seeds an estimate of how many are needed says only that it is hopeless."""


@dataclass(frozen=True)
class Comparison:
    """The leader against one other variant.

    p_better: the probability that a run of the leader scores higher than one of the other, ties half;
    interval: its 95% bootstrap interval. holm_p: the p-value of the exact rank-sum test, two-sided,
    corrected for all comparisons with the leader. told_apart: the interval lies above 0.5 and holm_p is at
    most 5%.
    common: seeds that both have; difference: the leader's score minus the other's, mean over these, with
    its interval, the sign-flip test's p and that corrected; NaN where no seed is common.
    more_seeds: how many more each of the two would need; 0: none; None: more than MOST_SEEDS.
    """

    p_better: float
    interval: Interval
    holm_p: float
    common: int
    difference: float
    difference_interval: Interval
    paired_holm_p: float
    more_seeds: int | None
    told_apart: bool


def compare_with_first(
    scores: Sequence[Floats],
    seeds: Sequence[Seeds],
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
) -> list[Comparison]:
    """The first variant against each of the others, in their order.

    scores and seeds: one array [n] a variant, n at least 1, each seed once in a variant.
    """
    leader, *others = scores
    pairs = zip(others, seeds[1:], strict=True)
    differences = [common_differences(leader, seeds[0], other, of_other) for other, of_other in pairs]
    p_values = np.array([rank_sum_p(leader, other) for other in others])
    paired_ps = np.array([sign_flip_p(values, generator) for values in differences])
    columns = (holm(p_values), holm_factors(p_values), holm(paired_ps))
    tests = [[float(value) for value in row] for row in np.column_stack(columns)]
    return [
        _compare(leader, *row, generator, resamples) for row in zip(others, differences, tests, strict=True)
    ]


def _compare(
    leader: Floats,
    other: Floats,
    differences: Floats,
    tests: list[float],
    generator: np.random.Generator,
    resamples: int,
) -> Comparison:
    """One comparison. tests: p by Holm's method, its factor there, the paired p by the same."""
    holm_p, factor, paired_holm_p = tests
    p_better = float(probability_of_improvement(leader, other))
    interval = improvement_interval(leader, other, generator, resamples)
    told_apart = interval[0] > 0.5 and holm_p <= LEVEL
    return Comparison(
        p_better=p_better,
        interval=interval,
        holm_p=holm_p,
        common=len(differences),
        difference=float(differences.mean()) if len(differences) else np.nan,
        difference_interval=pair(bootstrap_interval(differences, np.mean, generator, resamples)),
        paired_holm_p=paired_holm_p,
        more_seeds=0 if told_apart else _more_seeds(p_better, len(leader), len(other), int(factor)),
        told_apart=told_apart,
    )


def probability_of_improvement(x: Floats, y: Floats, axis: int = -1) -> Floats:
    """P(X > Y) + P(X = Y) / 2 over all pairs of x [..., n] and y [..., m], on the last axis: [...].

    Agarwal et al. (2021), section 4.3: the Mann-Whitney U statistic divided by n m.
    """
    x, y = np.moveaxis(x, axis, -1)[..., :, np.newaxis], np.moveaxis(y, axis, -1)[..., np.newaxis, :]
    return np.asarray((np.mean(x > y, axis=(-2, -1)) + np.mean(x >= y, axis=(-2, -1))) / 2)


class _Wins:
    """P(X > Y) of scores drawn again from x [n] and y [m], which are known by their places in these.

    The same to the bit as `probability_of_improvement` of the drawn scores, where all are finite: wins are
    counted in whole numbers. What lies below a score is counted once for each resample, not for each pair.
    """

    def __init__(self, x: Floats, y: Floats) -> None:
        order = np.argsort(y)
        self._rank = np.argsort(order)
        self._below, self._up_to = (np.searchsorted(y[order], x, side) for side in ("left", "right"))

    def share(self, drawn: Seeds, others: Seeds, axis: int = -1) -> Floats:
        """Places drawn of x [resamples, n] and of y [resamples, m] -> [resamples]."""
        assert axis == -1
        (rows, m), row = others.shape, np.arange(len(others))[:, np.newaxis]
        times = np.bincount((self._rank[others] + m * row).ravel(), minlength=rows * m).reshape(rows, m)
        lower = np.zeros((rows, m + 1), np.int64)  # drawn scores of y before each rank
        np.cumsum(times, axis=-1, out=lower[:, 1:])
        wins = (lower[row, places[drawn]].sum(axis=-1) for places in (self._below, self._up_to))
        return np.asarray(sum(won / (drawn.shape[-1] * m) for won in wins) / 2)


def improvement_interval(
    x: Floats, y: Floats, generator: np.random.Generator, resamples: int = RESAMPLES
) -> Interval:
    """The 95% percentile bootstrap interval of P(X > Y): seeds drawn anew in each variant, unpaired.

    NaN where either has fewer than two scores.
    """
    if min(len(x), len(y)) < 2:
        return NONE
    found = stats.bootstrap(
        (np.arange(len(x)), np.arange(len(y))),
        _Wins(x, y).share,
        n_resamples=resamples,
        batch=max(1, BATCH // (len(x) * len(y))),
        vectorized=True,
        method="percentile",
        rng=generator,
    ).confidence_interval
    return float(found.low), float(found.high)


def common_differences(x: Floats, x_seeds: Seeds, y: Floats, y_seeds: Seeds) -> Floats:
    """The scores x minus y of the seeds that both have, by ascending seed: [common]."""
    _, in_x, in_y = np.intersect1d(x_seeds, y_seeds, assume_unique=True, return_indices=True)
    return x[in_x] - y[in_y]


def seeds_needed(p_better: float, level: float = LEVEL, power: float = POWER) -> int | None:
    """About how many seeds each of two variants needs for the rank-sum test to tell them apart.

    p_better: P(X > Y), as observed or supposed. None: more than MOST_SEEDS, or in no number, as at a half.
    Noether (1987), "Sample Size Determination for Some Common Nonparametric Tests": two equal halves of
    N = (z_(1 - level / 2) + z_power)^2 / (3 (p - 1/2)^2). It supposes that p is known; an estimate from few
    seeds is rough, and the answer is no better.
    """
    effect = p_better - 0.5
    if not effect > 0:
        return None
    z = stats.norm.ppf(1 - level / 2) + stats.norm.ppf(power)
    each = z * z / (6 * effect * effect)
    return ceil(each) if each <= MOST_SEEDS else None


def fewest_seeds(comparisons: int) -> int:
    """With how many seeds each the rank-sum test can first tell variants apart, however different they are.

    Its smallest p-value, one over the ways to choose n of 2 n, doubled, has to survive Holm's first step.
    """
    n = 2
    while not reachable(n, n, comparisons):
        n += 1
    return n


def reachable(n: int, m: int, comparisons: int) -> bool:
    """Whether the rank-sum test of n against m seeds can come to 5% as one of so many comparisons."""
    return 2 * comparisons <= LEVEL * comb(n + m, n)


def _more_seeds(p_better: float, n: int, m: int, factor: int) -> int | None:
    """How many more seeds each needs at the level that Holm's step leaves, from the fewer of n and m.

    From one seed nothing can be estimated: then what the test takes at least.
    """
    have = min(n, m)
    least = max(fewest_seeds(factor), have + 1)
    if have < 2:
        return least - have
    each = seeds_needed(p_better, LEVEL / factor)
    return None if each is None else max(each, least) - have
