from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qsweep import seeds
from qsweep.config import Env
from qsweep.environments.twins.first_draws import first_draws
from qsweep.plan.resolution import resolve
from qsweep.policies.evaluation.bootstrap import mean_interval
from qsweep.policies.evaluation.starts import (
    StartSet,
    stratified_seeds,
    stratified_variance,
    validation_starts,
)
from qsweep.policies.evaluation.starts import test_starts as starts_of_tests
from qsweep.system.arrays import Floats

CAR = Env()


def test_first_draws_are_numpys() -> None:
    """The first number of many seeds at once is that of each seed's own generator."""
    tried = np.array([0, 1, 17, seeds.VALIDATION, seeds.TEST, seeds.TEST + 12_345, 2**32 - 1])
    expected = [np.random.default_rng(seed).random() for seed in tried.tolist()]
    assert first_draws(tried).tolist() == expected


@pytest.mark.parametrize("count", [1, 2, 7, 100, 1000])
def test_each_part_has_one_start(count: int) -> None:
    """The car's start positions lie one in each of as many equal parts of the range, in ascending order."""
    with resolve({"engine": "gymnasium"}).open() as env:
        positions = np.array([env.reset(seed)[0] for seed in starts_of_tests(CAR, count).seeds])
    parts = (positions + 0.6) / 0.2 * count
    assert (np.floor(parts.round(4)) == np.arange(count)).all()


def test_starts_never_overlap() -> None:
    """Seeds of validation and test are in ranges of their own, also the largest number of them."""
    of_validation, of_test = (starts(CAR, 20_000).seeds for starts in (validation_starts, starts_of_tests))
    assert seeds.VALIDATION <= min(of_validation) <= max(of_validation) < seeds.TEST
    assert seeds.TEST <= min(of_test) <= max(of_test) < seeds.PLAY
    assert len({*of_validation, *of_test}) == 40_000


@pytest.mark.parametrize(
    "env", [Env("CartPole-v1"), Env("FrozenLake-v1"), replace(CAR, reset_options={"low": -0.5})]
)
def test_other_environments_have_consecutive_seeds(env: Env) -> None:
    """Where the first number does not determine the start, or it may not, the seeds are not selected."""
    assert starts_of_tests(env, 5) == StartSet(seeds.test(5))


def jumps(positions: Floats) -> Floats:
    """A return that changes between two levels at some places, as an episode's length does."""
    edges = np.sort(np.random.default_rng(3).random(25))
    return np.where(np.searchsorted(edges, positions) % 2, -200.0, -120.0)


def noise(positions: Floats) -> Floats:
    """A return that changes so often that neighbours have nothing in common."""
    return np.where(np.sin(positions * 1e7) > 0, -200.0, -120.0)


def slope(positions: Floats) -> Floats:
    return -200.0 + 80.0 * positions


CASES = {"jumps": jumps, "noise": noise, "both": lambda positions: jumps(positions) + noise(positions)}


@pytest.mark.parametrize("name", CASES)
def test_the_interval_covers_the_mean(name: str) -> None:
    """The 95% interval contains the mean over all starts in 92 to 99 of 100 sets, and is not too wide."""
    values, (count, sets), generator = CASES[name], (500, 1000), np.random.default_rng(1)
    truth = values((np.arange(10**6) + 0.5) / 10**6).mean()
    drawn = values((np.arange(count) + generator.random((sets, count))) / count)
    ends = np.array([StartSet(range(count), True).interval(returns) for returns in drawn])
    covered = ((ends[:, 0] <= truth) & (truth <= ends[:, 1])).mean()
    assert 0.92 <= covered <= 0.99
    assert (ends[:, 1] - ends[:, 0]).mean() < 1.5 * 3.92 * drawn.mean(axis=1).std()


def test_the_variance_of_a_slope_is_not_too_small() -> None:
    """If the return changes steadily, a third of the neighbours' difference is still enough."""
    count = 100
    drawn = slope((np.arange(count) + np.random.default_rng(2).random((2000, count))) / count)
    found = [stratified_variance(values) for values in drawn]
    assert np.mean(found) > drawn.mean(axis=1).var()


@pytest.mark.parametrize("count", [1, 3, 49])
def test_few_starts_have_the_bootstraps_interval(count: int) -> None:
    values = np.random.default_rng(0).normal(size=count)
    assert StartSet(range(count), True).interval(values) == mean_interval(values)


@pytest.mark.parametrize("count", [6, 36])
def test_each_part_has_its_first_seed(count: int) -> None:
    """The seeds do not depend on how many are tried at once."""
    tried = np.arange(seeds.TEST, seeds.TEST + 5000)
    parts = (first_draws(tried) * count).astype(int)
    assert list(stratified_seeds(seeds.TEST, count)) == [
        int(tried[parts == part][0]) for part in range(count)
    ]
