from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from qsweep.report.statistics.comparison import (
    Comparison,
    can_be_significant,
    common_differences,
    compare_with_first,
    improvement_interval,
    min_seeds,
    probability_of_improvement,
    seeds_needed,
)
from qsweep.report.statistics.significance import rank_sum_p
from qsweep.system.arrays import Floats


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def share_of_wins(x: Floats, y: Floats) -> float:
    """Return P(X > Y) by its definition: every run against every run of the other, a tie is half a win."""
    return sum((a > b) + 0.5 * (a == b) for a in x for b in y) / (len(x) * len(y))


def compare(*variants: list[float], seeds: list[list[int]] | None = None) -> list[Comparison]:
    """Compare the first variant with the others; without given seeds, they count from 0."""
    numbers = seeds or [list(range(len(variant))) for variant in variants]
    scores = [np.array(variant, float) for variant in variants]
    return compare_with_first(scores, [np.array(n, np.int64) for n in numbers], generator())


def test_the_probability_of_improvement_by_hand() -> None:
    """1, 2, 3 against 2, 2, 4: 1 never wins, 2 ties twice, 3 wins twice, in all 3 of 9."""
    x, y = np.array([1.0, 2, 3]), np.array([2.0, 2, 4])
    assert float(probability_of_improvement(x, y)) == pytest.approx(3 / 9)
    assert float(probability_of_improvement(y, x)) == pytest.approx(6 / 9)


def test_the_probability_of_improvement_counts_all_pairs() -> None:
    """All pairs of each row count, with different numbers of seeds and with ties."""
    x, y = (
        generator(1).integers(0, 5, (4, 6)).astype(float),
        generator(2).integers(0, 5, (4, 3)).astype(float),
    )
    expected = [share_of_wins(*rows) for rows in zip(x, y, strict=True)]
    assert probability_of_improvement(x, y) == pytest.approx(expected)


def test_the_interval_of_the_probability_agrees_with_all_resamples() -> None:
    """The interval's ends are the percentiles of all 256 x 27 pairs of resamples."""
    x, y = np.array([1.0, 4, 5, 9]), np.array([2.0, 4, 7])
    every = [share_of_wins(a, b) for a in product(x, repeat=4) for b in product(y, repeat=3)]
    found = improvement_interval(x, y, generator(), resamples=20_000)
    assert found == pytest.approx(tuple(np.percentile(every, [2.5, 97.5])), abs=0.03)


def test_the_interval_of_the_probability_in_extreme_cases() -> None:
    """One seed has no interval; completely separated scores have 1 to 1; equal ones have 1/2."""
    one, low, high = np.array([5.0]), np.array([1.0, 2]), np.array([3.0, 4])
    assert np.isnan(improvement_interval(one, low, generator())).all()
    assert improvement_interval(high, low, generator()) == (1, 1)
    assert improvement_interval(np.full(3, 7.0), np.full(4, 7.0), generator()) == (0.5, 0.5)


def test_pairs_are_formed_by_seed() -> None:
    """Pairs are formed by seed in any order; seeds of only one variant are ignored."""
    x, y = np.array([10.0, 20, 30]), np.array([1.0, 2, 3, 4])
    found = common_differences(x, np.array([7, 3, 5]), y, np.array([5, 9, 7, 1]))
    assert found.tolist() == [30 - 1, 10 - 3]  # seeds 5 and 7


@pytest.mark.parametrize(
    ("p_better", "expected"),
    [
        # (1.95996 + 0.84162)^2 = 7.8489, over 6 (p - 1/2)^2:
        (0.54, 818),  # 7.8489 / 0.0096 = 817.6
        (0.75, 21),  # 7.8489 / 0.375 = 20.9
        (1.0, 6),  # 7.8489 / 1.5 = 5.2
        (0.512, 9085),  # 7.8489 / 0.000864 = 9084.4
        (0.51, None),  # 13,081 are too many to be reported
        (0.5, None),
        (0.3, None),  # a leader that wins less often than not
        (math.nan, None),
    ],
)
def test_the_seeds_needed_by_hand(p_better: float, expected: int | None) -> None:
    """The number is Noether's approximation at 5% and 80% power, rounded up; None above 10,000."""
    assert seeds_needed(p_better) == expected


def test_the_seeds_needed_give_the_power_promised() -> None:
    """With 21 seeds each, P = 0.75 is significant in about 80% of simulated comparisons."""
    shift = math.sqrt(2) * 0.67449  # of normal scores: P(X > Y) = Phi(shift / sqrt 2) = 0.75
    draw = generator(3)
    pairs = [(draw.normal(shift, 1, 21), draw.normal(0, 1, 21)) for _ in range(1000)]
    power = np.mean([rank_sum_p(x, y) <= 0.05 for x, y in pairs])
    assert power == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        (1.0, 21),  # by ranks 20.9; by means 2 x 7.8489 = 15.7
        (0.5, 63),  # by means 8 x 7.8489 = 62.8
        (0.0, None),
        (-1.0, None),
    ],
)
def test_the_seeds_needed_for_means_by_hand(effect: float, expected: int | None) -> None:
    """The larger of the numbers for ranks and for means counts."""
    assert seeds_needed(0.75, effect) == expected


def test_the_minimum_of_seeds_by_hand() -> None:
    """Four: 2 / 20 = 0.1 with three each, 2 / 70 = 0.029 with four."""
    assert min_seeds() == 4


def test_unequal_numbers_of_seeds_can_be_significant() -> None:
    """Three against ten seeds can reach 2 / 286 = 0.7%; one against ten only 18%."""
    assert can_be_significant(3, 10)
    assert not can_be_significant(1, 10)
    assert not can_be_significant(1, 100)  # by rank it could be, but one seed has no variance


def test_a_clear_difference_is_significant() -> None:
    """Five seeds that all score above five others have an exact p of 2 / 252."""
    (found,) = compare([11, 12, 13, 14, 15], [1, 2, 3, 4, 5])
    assert found.p == found.holm_p
    assert (found.p_better, found.interval) == (1, (1, 1))
    assert found.holm_p == pytest.approx(2 / 252)
    # Every seed differs by 10; but five pairs cannot say so at 5%.
    assert (found.common, found.difference, found.difference_interval) == (5, 10, (10, 10))
    assert found.paired_holm_p == pytest.approx(2 / 32)


def test_an_interval_of_one_to_one_is_not_enough() -> None:
    """Three completely separated seeds each are not significant; a fourth could be enough."""
    (found,) = compare([11, 12, 13], [1, 2, 3])
    assert found.interval == (1, 1)
    assert found.p == pytest.approx(2 / 20)
    assert found.more_seeds == 3  # P = 1 needs 6 each by Noether, which is more than the fewest, 4


def test_all_comparisons_are_corrected_for() -> None:
    """One of seven comparisons has 7 times its p-value, 2 / 252."""
    low = [1.0, 2, 3, 4, 5]
    found = compare([11, 12, 13, 14, 15], *[low] * 7)
    assert (found[0].p, found[0].holm_p) == pytest.approx((2 / 252, 14 / 252))


def test_a_mean_that_does_not_differ_needs_too_many_seeds() -> None:
    """More runs score higher, but the means are equal: no number of seeds shows a difference."""
    (found,) = compare([2, 2, 2, -2], [1, 1, 1, 1])
    assert (found.p_better, found.more_seeds) == (0.75, None)
    (level,) = compare([2, 2, 2, 2], [1, 1, 1, 1])
    assert (level.p, level.more_seeds) == (pytest.approx(2 / 70), 2)


def test_more_seeds_are_counted_from_the_present_ones() -> None:
    """With five seeds each, a P of 0.64 needs 67 each, but a mean 0.43 SD higher 85, that is, 80 more."""
    (found,) = compare([5.5, 4.5, 3.5, 2.5, 2.2], [1, 2, 3, 4, 5])
    assert found.p_better == pytest.approx(16 / 25)  # 5 + 4 + 3 + 2 + 2 wins
    # By ranks 7.8489 / (6 x 0.14^2) = 66.7. The variances are 1.898 and 2.5, so that by means
    # 2 x 7.8489 x 2.199 / 0.64^2 = 84.3.
    assert found.more_seeds == 80


def test_one_seed_needs_the_minimum() -> None:
    """One seed gives no estimate: the test needs at least four each, that is, three more."""
    (found,) = compare([5], [1])
    assert (found.p_better, found.holm_p, found.more_seeds) == (1, 1, 3)
    assert np.isnan([*found.interval, *found.difference_interval]).all()
    assert (found.common, found.difference) == (1, 4)


def test_no_common_seed_means_no_pairs() -> None:
    """Variants without common seeds are still compared unpaired."""
    (found,) = compare([11, 12, 13, 14], [1, 2, 3, 4], seeds=[[0, 1, 2, 3], [4, 5, 6, 7]])
    assert found.p == pytest.approx(2 / 70)
    assert found.common == 0
    assert np.isnan([found.difference, *found.difference_interval, found.paired_holm_p]).all()


def test_the_same_generator_gives_the_same_comparison() -> None:
    """All randomness comes from the generator."""
    assert compare([3, 5, 9, 4], [2, 6, 1, 4]) == compare([3, 5, 9, 4], [2, 6, 1, 4])
