from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from qsweep.report.statistics.summaries import (
    area_under_curve,
    bootstrap_interval,
    iqm,
    performance_profile,
    profile_band,
    summaries,
)
from qsweep.system.arrays import Floats


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def every_resample(scores: Floats) -> Floats:
    """Return all n^n resamples of n scores, from which a bootstrap only samples."""
    return np.array(list(product(scores, repeat=len(scores))))


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([8.0, 1, 7, 2, 6, 3, 5, 4], 4.5),  # without 1, 2 and 7, 8: (3 + 4 + 5 + 6) / 4
        ([100.0, 0, 10, 0, 10], 20 / 3),  # a quarter of 5 is 1 and a bit: (0 + 10 + 10) / 3
        ([3.0, 1, 8], 4.0),  # a quarter of 3 is none: (1 + 3 + 8) / 3
        ([7.0], 7.0),
    ],
)
def test_the_iqm_leaves_out_the_outer_quarters(scores: list[float], expected: float) -> None:
    """The lowest and the highest quarter, rounded down, are not in the mean."""
    assert float(iqm(np.array(scores))) == pytest.approx(expected)


def test_the_iqm_agrees_with_its_definition_for_every_number_of_seeds() -> None:
    """The IQM is the mean of the sorted scores without both ends, row by row."""
    for n in range(1, 25):
        scores = generator(n).normal(size=(3, n))
        cut = n // 4
        expected = [sum(sorted(row)[cut : n - cut]) / (n - 2 * cut) for row in scores.tolist()]
        assert iqm(scores) == pytest.approx(expected)


def test_a_summary_by_hand() -> None:
    """A summary has mean, SD, IQM, worst and best of four scores."""
    (summary,) = summaries([np.array([-130.0, -140, -120, -150])], generator())
    assert (summary.n, summary.mean, summary.worst, summary.best) == (4, -135, -150, -120)
    # Squares of 5, 5, 15, 15 add up to 500; by 3, not 4.
    assert summary.sd == pytest.approx(math.sqrt(500 / 3))
    assert summary.iqm == -135  # (-130 - 140) / 2
    assert -150 <= summary.interval[0] < -135 < summary.interval[1] <= -120


def test_summaries_keep_the_order_of_the_variants() -> None:
    """Summaries are in the order of the variants, which have none, one or several scores."""
    samples = [np.array(scores) for scores in ([1.0, 3.0], [], [5.0], [2.0, 4.0], [7.0, 7.0, 7.0])]
    found = summaries(samples, generator())
    assert [summary.n for summary in found] == [2, 0, 1, 2, 3]
    assert [summary.mean for summary in found] == pytest.approx([2, math.nan, 5, 3, 7], nan_ok=True)


def test_one_seed_has_no_spread_and_no_interval() -> None:
    """With one score the SD and the intervals are NaN, and everything else is that score."""
    (summary,) = summaries([np.array([-133.7])], generator())
    assert (summary.mean, summary.iqm, summary.worst, summary.best) == (-133.7,) * 4
    assert np.isnan([summary.sd, *summary.interval, *summary.iqm_interval]).all()


def test_no_score_gives_nan_throughout() -> None:
    """A variant without a score, because all runs failed, has a summary of NaN."""
    (summary,) = summaries([np.array([])], generator())
    assert np.isnan([summary.mean, summary.sd, summary.iqm, summary.worst, *summary.interval]).all()


@pytest.mark.parametrize("score", [-200.0, -133.7, 0.1])
def test_equal_scores_have_an_interval_of_no_width(score: float) -> None:
    """The interval of equal scores has no width, not even by rounding."""
    (summary,) = summaries([np.full(7, score)], generator())
    assert summary.sd == 0
    assert summary.interval == (summary.mean, summary.mean)
    assert summary.iqm_interval == (summary.iqm, summary.iqm)
    assert summary.mean == pytest.approx(score)


def test_the_interval_of_two_scores_by_hand() -> None:
    """The mean of a resample of 0 and 1 is 0 or 1 with probability 1/4 each: the interval is 0 to 1."""
    assert bootstrap_interval(np.array([0.0, 1.0]), np.mean, generator()).tolist() == [0, 1]


@pytest.mark.parametrize("statistic", [np.mean, iqm, np.std])
def test_the_interval_agrees_with_all_resamples(statistic: type) -> None:
    """The interval's ends are the percentiles over all 3,125 resamples of five scores."""
    scores = np.array([-150.0, -128.0, -131.0, -140.0, -126.5])
    every = statistic(every_resample(scores), axis=-1)
    low, high = bootstrap_interval(scores, statistic, generator(), resamples=20_000)
    expected = np.percentile(every, [2.5, 97.5])
    assert [low, high] == pytest.approx(expected.tolist(), abs=0.05 * float(np.ptp(expected)))


def test_the_same_generator_gives_the_same_interval() -> None:
    """All randomness comes from the generator."""
    scores = generator().normal(size=(4, 6))
    one, other, third = (bootstrap_interval(scores, np.mean, generator(seed)) for seed in (1, 1, 2))
    assert (one == other).all()
    assert (one != third).any()


def test_a_curve_has_an_interval_at_each_point() -> None:
    """Rows are bootstrapped together: a shifted curve has the same band, shifted."""
    curve = generator().normal(size=(1, 8))
    band = bootstrap_interval(np.concatenate([curve, curve + 3]), np.mean, generator())
    assert band.shape == (2, 2)
    assert band[1] == pytest.approx(band[0] + 3)


def test_a_curve_of_one_seed_or_of_no_point_has_none() -> None:
    """The interval is NaN, or empty, instead of an error."""
    assert np.isnan(bootstrap_interval(np.zeros((3, 1)), np.mean, generator())).all()
    assert bootstrap_interval(np.zeros((0, 5)), np.mean, generator()).shape == (0, 2)


def test_the_profile_counts_runs_above_each_threshold() -> None:
    """A run at the threshold is not above it."""
    scores = np.array([-3.0, -1, -1, 2])
    assert performance_profile(scores, np.array([-4.0, -2, -1, 2])).tolist() == [1, 0.75, 0.25, 0]


def test_the_profiles_band_by_hand() -> None:
    """With one run of four above, the band has the binomial quantiles of 4 draws at 0.25."""
    scores, thresholds = np.array([-3.0, -1, -1, 2]), np.array([-4.0, -1, 2])
    # P(0) = 0.316, P(at most 2) = 0.949, P(at most 3) = 0.996: so from 0 to 3 of 4.
    assert profile_band(scores, thresholds).tolist() == [[1, 1], [0, 0.75], [0, 0]]
    assert np.isnan(profile_band(scores[:1], thresholds)).all()


def test_the_profiles_band_agrees_with_all_resamples() -> None:
    """The band's ends are those of all 3,125 resamples, though none is drawn."""
    scores, thresholds = np.array([1.0, 2, 3, 4, 5]), np.array([0.5, 1.5, 2.5, 3.5, 4.5, 5.5])
    above = (every_resample(scores)[:, :, np.newaxis] > thresholds).mean(axis=1)
    expected = np.percentile(above, [2.5, 97.5], axis=0, method="inverted_cdf").T
    assert profile_band(scores, thresholds) == pytest.approx(expected)


def test_the_area_is_a_mean_height() -> None:
    """The area is the trapezoidal sum over uneven steps, divided by the range of episodes."""
    episodes, values = np.array([0, 10, 30]), np.array([[0.0, 10, 10], [4, 4, 4]])
    # 10 episodes at 5 and 20 at 10 are 250, over 30 episodes.
    assert area_under_curve(episodes, values) == pytest.approx([250 / 30, 4])


def test_the_area_of_one_point_is_its_height() -> None:
    """The area of a run of one episode is its value."""
    assert area_under_curve(np.array([0]), np.array([[3.0], [5.0]])).tolist() == [3, 5]
