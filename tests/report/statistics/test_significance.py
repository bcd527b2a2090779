from __future__ import annotations

import math
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from qsweep.report.statistics.significance import difference_p, holm, rank_sum_p, sign_flip_p, welch_p
from qsweep.system.arrays import Floats

SCORES = st.lists(st.integers(0, 4), min_size=1, max_size=5)


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def mean_ranks(values: Floats) -> list[float]:
    """Return the rank of each value from 1; equal values have their mean rank."""
    return [
        1 + sum(v < value for v in values) + (sum(v == value for v in values) - 1) / 2 for value in values
    ]


def every_division(x: Floats, y: Floats) -> float:
    """Return the p-value of the rank-sum test by its definition: all ways to choose the scores of x."""
    ranks = mean_ranks(np.concatenate([x, y]))
    middle = len(x) * (len(ranks) + 1) / 2
    observed = abs(sum(ranks[: len(x)]) - middle)
    sums = [sum(chosen) for chosen in combinations(ranks, len(x))]
    return sum(abs(total - middle) >= observed - 1e-9 for total in sums) / len(sums)


@pytest.mark.parametrize(
    ("n", "m", "expected"),
    [
        (2, 2, 2 / 6),  # two of the six ways to divide four scores separate them
        (3, 3, 2 / 20),
        (4, 4, 2 / 70),
        (5, 5, 2 / 252),
        (1, 10, 2 / 11),
    ],
)
def test_complete_separation_by_hand(n: int, m: int, expected: float) -> None:
    """Completely separated scores have the smallest p-value; with three seeds each it is above 5%."""
    x, y = np.arange(n) + 100.0, np.arange(m, dtype=float)
    assert rank_sum_p(x, y) == pytest.approx(expected)
    assert rank_sum_p(y, x) == pytest.approx(expected)


def test_ties_by_hand() -> None:
    """Scores 1, 2 against 2, 3 have ranks 1, 2.5, 2.5, 4: sums 3.5 or less, 6.5 or more, in 4 of 6 ways."""
    # The sums of two: 3.5, 3.5, 5, 5, 6.5, 6.5; the mean is 5, the observed 3.5.
    assert rank_sum_p(np.array([1.0, 2.0]), np.array([2.0, 3.0])) == pytest.approx(4 / 6)


@given(SCORES, SCORES)
@settings(max_examples=60, deadline=None)
def test_the_rank_sum_test_counts_every_division(x: list[int], y: list[int]) -> None:
    """The test is exact for any numbers of scores, with many ties."""
    one, other = np.array(x, float), np.array(y, float)
    assert rank_sum_p(one, other) == pytest.approx(every_division(one, other))


@pytest.mark.parametrize(("n", "m"), [(5, 5), (10, 10), (20, 20), (30, 8)])
def test_agrees_with_scipys_exact_test_without_ties(n: int, m: int) -> None:
    """SciPy's exact test gives the same p-value."""
    draw = generator()
    for shift in (0, 0.5, 2):
        x, y = draw.normal(shift, 1, n), draw.normal(size=m)
        expected = stats.mannwhitneyu(x, y, method="exact").pvalue
        assert rank_sum_p(x, y) == pytest.approx(expected)


@pytest.mark.parametrize(("n", "m"), [(2, 2), (5, 9), (20, 3)])
def test_agrees_with_scipys_test_of_means(n: int, m: int) -> None:
    """Welch's test is SciPy's, with unequal variances."""
    draw = generator()
    x, y = draw.normal(1, 1, n), draw.normal(0, 5, m)
    expected = stats.ttest_ind(x, y, equal_var=False).pvalue
    assert welch_p(x, y) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        ([1.0], [2.0, 3.0], 1),  # one score has no variance
        ([2.0, 2.0], [2.0, 2.0], 1),
        ([2.0, 2.0], [3.0, 3.0], 0),  # scores that never vary differ for certain; ranks decide
        ([0.5, 0.5], [0.25, 0.75], 1),
    ],
)
def test_means_of_scores_that_hardly_vary(x: list[float], y: list[float], expected: float) -> None:
    """Without variance the p-value is 1 or 0, never NaN."""
    assert welch_p(np.array(x), np.array(y)) == expected


def test_a_difference_must_pass_both_tests() -> None:
    """Nine of ten runs score higher, but one fails: by rank it is better, by its mean it is not."""
    often, always = np.array([10.0] * 9 + [0.0]), np.array([9.0] * 10)
    assert rank_sum_p(often, always) < 0.05
    assert difference_p(often, always) == welch_p(often, always) == 1
    assert difference_p(np.arange(5.0), np.arange(5.0) + 10) == pytest.approx(2 / 252)  # by rank


def test_many_seeds_are_tested_by_the_normal_approximation() -> None:
    """250 seeds each, with ties, use the approximation, which is close to the exact p-value."""
    draw = generator()
    x, y = draw.normal(0.3, 1, 250).round(1), draw.normal(size=250).round(1)
    assert rank_sum_p(x, y) == stats.mannwhitneyu(x, y, method="asymptotic").pvalue
    exact, normal = rank_sum_p(x[:40], y[:40]), stats.mannwhitneyu(x[:40], y[:40], method="asymptotic").pvalue
    assert exact == pytest.approx(normal, rel=0.1)


@pytest.mark.parametrize("n", [1, 5, 300])
def test_equal_scores_do_not_differ(n: int) -> None:
    """Equal scores, few or many, have a p-value of 1."""
    assert rank_sum_p(np.full(n, -200.0), np.full(n, -200.0)) == 1


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([3.0], 1.0),  # both signs are as far from 0
        ([1.0, 2.0], 2 / 4),
        ([1.0, 2.0, 3.0, 4.0, 5.0], 2 / 32),  # five pairs: never below 6%
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2 / 64),
        ([1.0, 2.0, -3.0], 1.0),  # the sum is 0
        ([1.0, 1.0, -1.0], 1.0),  # a sum of at least 1 in absolute value always
        ([0.0, 0.0, 0.0], 1.0),
    ],
)
def test_sign_flips_by_hand(differences: list[float], expected: float) -> None:
    """The p-value is the share of all flips whose mean is at least as far from 0."""
    assert sign_flip_p(np.array(differences), generator()) == pytest.approx(expected)


def test_sign_flips_count_every_flip() -> None:
    """With eight pairs the p-value counts all 256 flips."""
    differences = generator().normal(0.7, 1, 8)
    sums = [abs(np.dot(signs, differences)) for signs in product([-1, 1], repeat=8)]
    expected = np.mean(np.array(sums) >= abs(differences.sum()) - 1e-9)
    assert sign_flip_p(differences, generator()) == pytest.approx(expected)


def test_many_pairs_are_flipped_at_random() -> None:
    """The p-value of twenty pairs is close to normal theory, and never 0."""
    differences = generator().normal(0.3, 1, 20)
    z = abs(differences.sum()) / math.sqrt(float((differences**2).sum()))
    assert sign_flip_p(differences, generator()) == pytest.approx(2 * stats.norm.sf(z), abs=0.03)
    assert 0 < sign_flip_p(np.full(20, 5.0), generator()) < 0.001


def test_no_pair_has_no_p_value() -> None:
    """Variants without a common seed are not compared in pairs."""
    assert math.isnan(sign_flip_p(np.array([]), generator()))


def test_holm_by_hand() -> None:
    """Sorted, the p-values are 4 x 0.005, 3 x 0.01, 2 x 0.03, and 0.04 raised to the one before."""
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_stays_at_most_one() -> None:
    """A corrected p-value is a probability."""
    assert holm(np.array([0.5, 0.9, 0.6])).tolist() == [1, 1, 1]


def test_nan_is_not_counted() -> None:
    """NaN stays NaN, and the others are corrected for two comparisons."""
    assert holm(np.array([math.nan, 0.01, 0.04])) == pytest.approx([math.nan, 0.02, 0.04], nan_ok=True)
    assert holm(np.array([])).tolist() == []
