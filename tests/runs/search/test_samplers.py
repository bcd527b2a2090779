from __future__ import annotations

from typing import Any

import optuna
import pytest

from qsweep.errors import UsageError
from qsweep.runs.search.samplers import sampler, trial_seed, untried
from qsweep.runs.search.settings import SAMPLERS
from qsweep.runs.search.spaces import Space, space
from qsweep.runs.search.study import ask

MIXED = space(["x=interval(-1,1)", "y=tag(log,interval(0.001,1))", "n=range(1,9)", "c=a,b"])
POINTS = space(["n=range(1,9)", "m=range(4)", "c=a,b"])


def of(name: str) -> Space:
    return POINTS if name == "grid" else MIXED


def score(params: dict[str, Any]) -> float:
    return -abs(params.get("x", 0.5) - 0.5) - params["n"] / 10


def sampled(name: str, seed: int, rounds: int, resumed: bool = False) -> list[dict[str, Any]]:
    """The parameters of trials, two a round; resumed: each round has a new sampler, as after a kill."""
    points = of(name)
    study, drawn = optuna.create_study(direction="maximize"), sampler(name, seed, points)
    tried = []
    for _ in range(rounds):
        if resumed:
            drawn = sampler(name, seed, points)
        for trial in [ask(study, drawn, points, "me") for _ in range(2)]:
            tried.append(trial.params)
            study.tell(trial, score(trial.params))
    return tried


@pytest.mark.parametrize("name", SAMPLERS)
def test_one_seed_decides(name: str) -> None:
    """The same seed draws the same parameters, another seed others."""
    assert sampled(name, 1, 10) == sampled(name, 1, 10)
    assert sampled(name, 1, 10) != sampled(name, 2, 10)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_resumed_study_continues_the_sequence(name: str) -> None:
    """A new process draws what the old one would have drawn; nothing is drawn twice."""
    tried = sampled(name, 1, 10, resumed=True)
    assert tried == sampled(name, 1, 10)
    assert len({str(params) for params in tried}) == len(tried)


@pytest.mark.parametrize("name", SAMPLERS)
def test_parallel_trials_differ(name: str) -> None:
    """Parallel trials differ, also after the random trials that every study begins with."""
    points = of(name)
    study, drawn = optuna.create_study(direction="maximize"), sampler(name, 0, points)
    for _ in range(12):
        trial = ask(study, drawn, points, "me")
        study.tell(trial, score(trial.params))
    together = [ask(study, drawn, points, "me").params for _ in range(8)]
    assert len({str(params) for params in together}) == 8


def test_tpe_learns() -> None:
    """Late trials are nearer to the best point than early ones."""
    tried = [abs(params["x"] - 0.5) for params in sampled("tpe", 0, 40)]
    assert sum(tried[60:]) < sum(tried[:20]) / 2


def test_a_grid_is_every_combination_once() -> None:
    """All 8 x 4 x 2 combinations are tried once; those left are counted."""
    study, drawn = optuna.create_study(direction="maximize"), sampler("grid", 0, POINTS)
    assert untried(study, POINTS) == 64
    for left in range(63, -1, -1):
        trial = ask(study, drawn, POINTS, "me")
        study.tell(trial, score(trial.params))
        assert untried(study, POINTS) == left
    assert len({str(trial.params) for trial in study.trials}) == 64


@pytest.mark.parametrize(
    ("name", "lines", "rule"),
    [
        ("grid", ["x=interval(0,1)", "n=range(4)"], "x: must be a list of values on a grid"),
        ("grid", ["n=range(101)", "m=range(100)"], "at most 10,000 combinations"),
        ("cmaes", ["n=range(3,4)", "c=a,b"], "cmaes needs a key"),
    ],
)
def test_an_unsuitable_space(name: str, lines: list[str], rule: str) -> None:
    """A space that a sampler cannot draw from is refused."""
    with pytest.raises(UsageError, match=rule):
        sampler(name, 0, space(lines))


def test_seeds_of_trials_differ() -> None:
    """No two of a study's first trials, and of the first studies, share a seed."""
    seeds = {trial_seed(seed, number) for seed in range(20) for number in range(200)}
    assert len(seeds) == 4000
