from __future__ import annotations

import math

import numpy as np
import pytest

from qsweep.report.statistics.thresholds import first_reached, median_episodes, shares_reached
from qsweep.system.arrays import Floats

EPISODES = np.array([99, 199, 299, 399])


def reached(values: list[list[float]], threshold: float) -> tuple[list[float], list[bool]]:
    times, there = first_reached(EPISODES, np.array(values), threshold)
    return times.tolist(), there.tolist()


def test_the_first_point_at_the_threshold_counts() -> None:
    """A value equal to the threshold is enough, even if later values are lower."""
    assert reached([[-200, -150, -180, -120], [-200, -200, -149, -150]], -150) == ([200, 300], [True, True])


def test_a_run_that_never_reaches_the_threshold_is_censored() -> None:
    """The time of such a run is its number of episodes."""
    values = [[-200.0, -190, -180, -170], [-200, -150, -180, -170]]
    assert reached(values, -150) == ([400, 200], [False, True])


def test_the_median_by_hand() -> None:
    """Of four runs, one censored, the share below the threshold is 1/2 from episode 20."""
    assert median_episodes(np.array([10.0, 20, 30, 40]), np.array([True, True, False, True])) == 20


@pytest.mark.parametrize("runs", [24, 38, 100])
def test_half_of_the_runs_is_half(runs: int) -> None:
    """The median is the time of the last run of the faster half, where the others were not done."""
    times = np.arange(1.0, runs + 1)
    assert median_episodes(times, times <= runs / 2) == runs / 2


def test_a_published_example() -> None:
    """The remission times of Freireich et al. (1963), 6-MP arm, have median 23."""
    times = [6.0, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    censored = {3, 5, 7, 8, 11, 12, 13, 16, 17, 18, 19, 20}
    happened = np.array([number not in censored for number in range(len(times))])
    # Shares left: 0.857 from week 6, 0.807 from 7, 0.753 from 10, 0.690 from 13, 0.627 from 16, 0.538 from
    # 22, 0.448 from 23.
    assert median_episodes(np.array(times), happened) == 23


def test_the_median_is_not_reached_where_most_runs_fail() -> None:
    """If two of five runs reach the threshold, the median is infinite."""
    times, there = np.array([100.0, 200, 500, 500, 500]), np.array([True, True, False, False, False])
    assert median_episodes(times, there) == math.inf


def test_censored_runs_do_not_make_a_variant_faster() -> None:
    """The variant with failed runs is not the faster one, as it would be without them."""
    steady = median_episodes(np.array([300.0, 310, 320, 330]), np.ones(4, bool))
    gamble = median_episodes(np.array([100.0, 1000, 1000, 1000]), np.array([True, False, False, False]))
    assert steady < gamble


def test_no_run_reaches_the_threshold() -> None:
    """If no run reaches the threshold, the median is infinite."""
    assert median_episodes(np.array([500.0, 500]), np.zeros(2, bool)) == math.inf


def test_the_shares_by_hand() -> None:
    """Of four runs, one censored: a quarter from episode 10 on, a half from 20, all from 40."""
    times, there = np.array([10.0, 30, 20, 40]), np.array([True, False, True, True])
    found = shares_reached(times, there, np.array([1.0, 10, 19.5, 20, 35, 40, 1000]))
    assert found == pytest.approx([0, 0.25, 0.25, 0.5, 0.5, 1, 1])
    assert shares_reached(times, np.zeros(4, bool), times).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("times", [[100.0], [100.0, 100.0, 100.0]])
def test_all_reach_the_threshold_at_once(times: list[float]) -> None:
    """If all runs reach the threshold in one episode, that episode is the median."""
    assert median_episodes(np.array(times), np.ones(len(times), bool)) == 100


def product_limit(times: Floats, there: Floats, at: float) -> float:
    """Return the Kaplan-Meier share of runs below the threshold at a time, by the paper's definition."""
    share = 1.0
    for time in sorted({float(t) for t, done in zip(times, there, strict=True) if done and t <= at}):
        at_risk = sum(t >= time for t in times)
        events = sum(t == time and bool(done) for t, done in zip(times, there, strict=True))
        share *= 1 - events / at_risk
    return share


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_the_product_limit(seed: int) -> None:
    """The median equals that of the product over times, for any pattern of censoring and ties."""
    drawn = np.random.default_rng(seed)
    times, there = drawn.integers(1, 15, 12).astype(float), drawn.random(12) < 0.6
    below = [at for at in range(int(times.max()) + 1) if product_limit(times, there, at) <= 0.5 + 1e-12]
    assert median_episodes(times, there) == (below[0] if below else math.inf)
