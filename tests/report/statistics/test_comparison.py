from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from qsweep.report.statistics.comparison import (
    Comparison,
    common_differences,
    compare_with_first,
    fewest_seeds,
    improvement_interval,
    probability_of_improvement,
    reachable,
    seeds_needed,
)
from qsweep.report.statistics.significance import rank_sum_p
from qsweep.report.statistics.summaries import BATCH, Floats


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def share_of_wins(x: Floats, y: Floats) -> float:
    """P(X > Y) by its definition: every run of one against every run of the other, a tie half a win."""
    return sum((a > b) + 0.5 * (a == b) for a in x for b in y) / (len(x) * len(y))


def compare(*variants: list[float], seeds: list[list[int]] | None = None) -> list[Comparison]:
    """The first variant against the others; seeds from 0 where none are given."""
    numbers = seeds or [list(range(len(variant))) for variant in variants]
    scores = [np.array(variant, float) for variant in variants]
    return compare_with_first(scores, [np.array(n, np.int64) for n in numbers], generator())


def test_the_probability_of_improvement_by_hand() -> None:
    """1, 2, 3 against 2, 2, 4: 1 wins nothing, 2 ties twice, 3 wins twice: 3 of 9."""
    x, y = np.array([1.0, 2, 3]), np.array([2.0, 2, 4])
    assert float(probability_of_improvement(x, y)) == pytest.approx(3 / 9)
    assert float(probability_of_improvement(y, x)) == pytest.approx(6 / 9)


def test_the_probability_of_improvement_counts_all_pairs() -> None:
    """Row by row, with different numbers of seeds and ties."""
    x, y = (
        generator(1).integers(0, 5, (4, 6)).astype(float),
        generator(2).integers(0, 5, (4, 3)).astype(float),
    )
    expected = [share_of_wins(*rows) for rows in zip(x, y, strict=True)]
    assert probability_of_improvement(x, y) == pytest.approx(expected)


def test_the_interval_of_the_probability_agrees_with_all_resamples() -> None:
    """The ends are those of all 256 x 27 pairs of resamples."""
    x, y = np.array([1.0, 4, 5, 9]), np.array([2.0, 4, 7])
    every = [share_of_wins(a, b) for a in product(x, repeat=4) for b in product(y, repeat=3)]
    found = improvement_interval(x, y, generator(), resamples=20_000)
    assert found == pytest.approx(tuple(np.percentile(every, [2.5, 97.5])), abs=0.03)


def test_the_interval_of_the_probability_in_extreme_cases() -> None:
    """One seed: none. Complete separation: from 1 to 1, however few the seeds. All equal: a half."""
    one, low, high = np.array([5.0]), np.array([1.0, 2]), np.array([3.0, 4])
    assert np.isnan(improvement_interval(one, low, generator())).all()
    assert improvement_interval(high, low, generator()) == (1, 1)
    assert improvement_interval(np.full(3, 7.0), np.full(4, 7.0), generator()) == (0.5, 0.5)


def test_pairs_are_formed_by_seed() -> None:
    """Seeds may come in any order, and those of one variant alone are left out."""
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
        (0.51, None),  # 13,081 are too many to be told
        (0.5, None),
        (0.3, None),  # a leader that wins less often than not
        (math.nan, None),
    ],
)
def test_the_seeds_needed_by_hand(p_better: float, expected: int | None) -> None:
    """Noether's approximation at 5% and 80% power, rounded up, and none beyond ten thousand."""
    assert seeds_needed(p_better) == expected


def test_the_seeds_needed_give_the_power_promised() -> None:
    """21 seeds each tell P = 0.75 apart in about 80% of simulated comparisons."""
    shift = math.sqrt(2) * 0.67449  # of normal scores: P(X > Y) = Phi(shift / sqrt 2) = 0.75
    draw = generator(3)
    pairs = [(draw.normal(shift, 1, 21), draw.normal(0, 1, 21)) for _ in range(1000)]
    power = np.mean([rank_sum_p(x, y) <= 0.05 for x, y in pairs])
    assert power == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize(
    ("comparisons", "expected"),
    [
        (1, 4),  # 2 / 20 = 0.1 with three each, 2 / 70 = 0.029 with four
        (2, 5),  # 2 x 2 / 70 = 0.057 is too much
        (6, 5),  # 6 x 2 / 252 = 0.048
        (7, 6),  # 7 x 2 / 252 = 0.056 is too much
        (249, 8),  # 249 x 2 / 12,870 = 0.039
    ],
)
def test_the_fewest_seeds_by_hand(comparisons: int, expected: int) -> None:
    """The number from which the test can come to 5% at all."""
    assert fewest_seeds(comparisons) == expected


def test_unequal_numbers_of_seeds_can_do() -> None:
    """Three against ten: one way of 286, doubled, is 0.7%; one against ten: 18%."""
    assert reachable(3, 10, comparisons=1)
    assert not reachable(3, 10, comparisons=8)
    assert not reachable(1, 10, comparisons=1)


def test_a_clear_difference_is_told_apart() -> None:
    """Five seeds that all score above five others: exact p of 2 / 252, and no more seeds needed."""
    (found,) = compare([11, 12, 13, 14, 15], [1, 2, 3, 4, 5])
    assert found.told_apart
    assert found.more_seeds == 0
    assert (found.p_better, found.interval) == (1, (1, 1))
    assert found.holm_p == pytest.approx(2 / 252)
    # Every seed differs by 10; but five pairs cannot say so at 5%.
    assert (found.common, found.difference, found.difference_interval) == (5, 10, (10, 10))
    assert found.paired_holm_p == pytest.approx(2 / 32)


def test_an_interval_of_one_to_one_is_not_enough() -> None:
    """Three seeds each, completely separated, are not told apart; a fourth could do it."""
    (found,) = compare([11, 12, 13], [1, 2, 3])
    assert found.interval == (1, 1)
    assert not found.told_apart
    assert found.more_seeds == 3  # P = 1 needs 6 each by Noether, which is more than the fewest, 4


def test_all_comparisons_are_corrected_for() -> None:
    """What is told apart alone is not as one of seven: 7 x 2 / 252 is above 5%."""
    low = [1.0, 2, 3, 4, 5]
    assert compare([11, 12, 13, 14, 15], low)[0].told_apart
    found = compare([11, 12, 13, 14, 15], *[low] * 7)
    assert not any(comparison.told_apart for comparison in found)
    assert found[0].holm_p == pytest.approx(14 / 252)


def test_more_seeds_are_counted_from_those_there_are() -> None:
    """P = 0.64 with five seeds each: 67 each are needed, so 62 more."""
    (found,) = compare([5.5, 4.5, 3.5, 2.5, 2.2], [1, 2, 3, 4, 5])
    assert found.p_better == pytest.approx(16 / 25)  # 5 + 4 + 3 + 2 + 2 wins
    assert found.more_seeds == 62  # 7.8489 / (6 x 0.14^2) = 66.7


def test_one_seed_needs_what_the_test_needs() -> None:
    """From one seed nothing is estimated: four each are the least, three more."""
    (found,) = compare([5], [1])
    assert (found.p_better, found.holm_p, found.more_seeds) == (1, 1, 3)
    assert np.isnan([*found.interval, *found.difference_interval]).all()
    assert (found.common, found.difference) == (1, 4)


def test_no_common_seed_means_no_pairs() -> None:
    """The variants are still compared, unpaired."""
    (found,) = compare([11, 12, 13, 14], [1, 2, 3, 4], seeds=[[0, 1, 2, 3], [4, 5, 6, 7]])
    assert found.told_apart
    assert found.common == 0
    assert np.isnan([found.difference, *found.difference_interval, found.paired_holm_p]).all()


def test_the_same_generator_gives_the_same_comparison() -> None:
    """All chance comes from the generator."""
    assert compare([3, 5, 9, 4], [2, 6, 1, 4]) == compare([3, 5, 9, 4], [2, 6, 1, 4])


@pytest.mark.parametrize(("n", "m"), [(2, 3), (10, 12), (60, 41)])
def test_the_interval_is_that_of_drawn_scores_compared_pair_by_pair(n: int, m: int) -> None:
    """Counting wins changes no bit of the bootstrap interval, ties and the order of the scores included."""
    x, y = generator(n).normal(size=n).round(1), generator(m).normal(0.3, size=m).round(1)
    found = stats.bootstrap(
        (x, y),
        probability_of_improvement,
        n_resamples=300,
        batch=max(1, BATCH // (n * m)),
        vectorized=True,
        method="percentile",
        rng=generator(7),
    ).confidence_interval
    assert improvement_interval(x, y, generator(7), 300) == (found.low, found.high)
