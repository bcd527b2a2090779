from __future__ import annotations

import math

import numpy as np
import pytest

from qsweep.report.comparison.ranking import Row, ranked
from qsweep.report.comparison.samples import Sample


def sample(label: str, scores: list[float], seeds: list[int] | None = None) -> Sample:
    numbers = list(range(len(scores))) if seeds is None else seeds
    return Sample(label, np.array(scores, float), np.array(numbers, np.int64))


def rows(*samples: Sample) -> tuple[Row, ...]:
    return ranked(samples, np.random.default_rng(0), resamples=100)


def labels(*samples: Sample) -> list[str]:
    return [row.label for row in rows(*samples)]


def test_the_highest_mean_comes_first() -> None:
    """The highest mean leads, and the others are compared with it."""
    found = rows(sample("low", [-150, -140]), sample("high", [-120, -130]), sample("middle", [-135, -139]))
    assert [row.label for row in found] == ["high", "middle", "low"]
    assert [row.comparison is None for row in found] == [True, False, False]
    assert found[1].comparison is not None
    assert found[1].comparison.difference == pytest.approx(12)  # 15 and 9


def test_equal_means_stay_in_the_order_given() -> None:
    """Equal means keep the given order."""
    assert labels(sample("b", [1, 3]), sample("a", [2, 2]), sample("c", [0, 4])) == ["b", "a", "c"]


def test_one_lucky_seed_does_not_lead() -> None:
    """A variant with one seed comes after those with more, with any score."""
    assert labels(sample("lucky", [-90]), sample("low", [-150, -140]), sample("high", [-120, -130])) == [
        "high",
        "low",
        "lucky",
    ]


def test_one_seed_each_is_ranked_by_its_score() -> None:
    """If all have one seed, the highest leads."""
    assert labels(sample("a", [-150]), sample("b", [-120])) == ["b", "a"]


def test_what_fresh_seeds_confirmed_comes_first() -> None:
    """A variant with fewer seeds than a confirmed one comes after it; with as many, its mean decides."""
    confirmed = Sample("confirmed", np.array([-130.0, -132.0, -134.0]), np.arange(3), np.arange(3) == 2)
    few = sample("few", [-90, -91])
    many = sample("many", [-100, -101, -102], [3, 4, 5])
    assert labels(few, confirmed, many) == ["many", "confirmed", "few"]
    assert labels(few, confirmed, sample("lucky", [-80])) == ["confirmed", "few", "lucky"]


def test_what_has_no_score_comes_last() -> None:
    """A variant without a score is listed and not compared."""
    found = rows(sample("none", []), sample("failed", [math.nan, math.nan]), sample("a", [1, 2]))
    assert [(row.label, row.summary.n) for row in found] == [("a", 2), ("none", 0), ("failed", 0)]
    assert all(row.comparison is None for row in found)


def test_nothing_to_rank() -> None:
    """No variants, or none with a score, give no error."""
    assert rows() == ()
    assert [row.label for row in rows(sample("a", [math.nan]))] == ["a"]


def test_scores_that_are_no_finite_numbers_do_not_count() -> None:
    """Nor do their seeds."""
    found = sample("a", [1, math.nan, 3, math.inf, -math.inf]).finite()
    assert (found.scores.tolist(), found.seeds.tolist()) == ([1, 3], [0, 2])


def test_a_seed_trained_again_counts_once() -> None:
    """Only the last score of a seed counts: repeating a run adds no evidence."""
    found = sample("a", [5, 1, 2, 3], seeds=[9, 4, 9, 4]).once()
    assert (found.scores.tolist(), found.seeds.tolist()) == ([3, 2], [4, 9])
    (row,) = rows(sample("a", [5, 1, 2, 3], seeds=[9, 4, 9, 4]))
    assert (row.summary.n, row.summary.mean) == (2, 2.5)


def test_a_failed_repeat_does_not_replace_a_score() -> None:
    """NaN is dropped before the last score of a seed is taken."""
    (row,) = rows(sample("a", [5, math.nan], seeds=[9, 9]))
    assert (row.summary.n, row.summary.mean) == (1, 5)
