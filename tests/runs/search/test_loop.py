from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from qsweep.runs.search.loop import RunRequest, RunScore, Search, TrainRuns, TrialResult
from qsweep.runs.search.pruners import pruner
from qsweep.runs.search.samplers import sampler
from qsweep.runs.search.settings import Settings
from qsweep.runs.search.spaces import Space, space
from qsweep.runs.search.study import SearchStudy

pytestmark = pytest.mark.slow  # every study is a database on disk

LINE = space(["x=range(1,31)"])


def x_of(trial: RunRequest | TrialResult) -> int:
    return int(trial.overrides[0].removeprefix("x="))


class Tape:
    """Scores runs by a function of x and the seed, and keeps the requests of each launch."""

    def __init__(self, score: Callable[[int, int], float]) -> None:
        self.score = score
        self.launches: list[list[RunRequest]] = []

    def __call__(self, requests: Sequence[RunRequest]) -> list[RunScore]:
        """Train."""
        self.launches.append(list(requests))
        return [RunScore(f"run-{x_of(run)}-{run.seed}", self.score(x_of(run), run.seed)) for run in requests]


def searched(folder: Path, train: TrainRuns, points: Space = LINE, **given: Any) -> list[TrialResult]:
    """The results of a search, whose study is resumed from the folder."""
    settings = Settings(**{"trials": 6, "seeds": (0, 1, 2), "sampler": "grid", **given})
    return list(Search(study_in(folder, settings, points), points, settings, train).run())


def study_in(folder: Path, settings: Settings, points: Space = LINE) -> SearchStudy:
    drawn = sampler(settings.sampler, settings.seed, points)
    return SearchStudy("a", folder / "optuna.db", drawn, pruner(settings.pruner), {})


def trials(folder: Path) -> list[Any]:
    return study_in(folder, Settings(1, (0,))).study.get_trials()


def test_runs_are_launched_together(tmp_path: Path) -> None:
    """Without a pruner, a launch holds all seeds of all running trials."""
    tape = Tape(lambda x, _: x)
    results = searched(tmp_path, tape, parallel=4)
    assert [len(launch) for launch in tape.launches] == [12, 6]
    assert [run.seed for run in tape.launches[1]] == [0, 1, 2, 0, 1, 2]
    assert sorted(each.state for each in results) == ["complete"] * 6
    assert len({each.overrides for each in results}) == 6


def test_the_objective_is_the_mean_over_seeds(tmp_path: Path) -> None:
    """Of scores 1, 2 and 6 the mean is 3, its standard error sqrt(7 / 3); the trial has both."""
    scores = {0: 1.0, 1: 2.0, 2: 6.0}
    [result] = searched(tmp_path, Tape(lambda _, seed: scores[seed]), trials=1)
    assert (result.mean, result.seeds) == (3.0, 3)
    assert result.standard_error == pytest.approx(math.sqrt(7 / 3))
    [trial] = trials(tmp_path)
    assert trial.value == 3.0
    kept = dict(trial.user_attrs)
    assert len(kept.pop("worker")) == 32
    number = x_of(result)
    assert kept == {
        "overrides": [f"x={number}"],
        "runs": [f"run-{number}-0", f"run-{number}-1", f"run-{number}-2"],
        "mean": 3.0,
        "standard_error": pytest.approx(math.sqrt(7 / 3)),
        "seeds": 3,
    }
    assert trial.intermediate_values == {1: 1.0, 2: 1.5, 3: 3.0}


def test_one_seed_has_no_standard_error(tmp_path: Path) -> None:
    """An unknown standard error is not an attribute."""
    [result] = searched(tmp_path, Tape(lambda x, _: x), trials=1, seeds=(3,))
    assert math.isnan(result.standard_error)
    assert "standard_error" not in trials(tmp_path)[0].user_attrs


def test_pruned_across_seeds(tmp_path: Path) -> None:
    """A trial gets its second seed only if its first score is among the best third so far."""
    tape = Tape(lambda x, _: x)
    results = searched(tmp_path, tape, trials=30, seeds=(0, 1), pruner="successive_halving", parallel=1)
    first = [x_of(launch[0]) for launch in tape.launches if launch[0].seed == 0]
    assert len(first) == 30
    for n, each in enumerate(results, start=1):
        better = sum(x > first[n - 1] for x in first[:n])
        assert each.state == ("complete" if better < max(n // 3, 1) else "pruned")
        assert each.seeds == (2 if each.state == "complete" else 1)
    assert [len(launch) for launch in tape.launches] == [1] * len(tape.launches)
    assert len(tape.launches) == 30 + sum(each.state == "complete" for each in results)


def test_new_trials_fill_the_launches(tmp_path: Path) -> None:
    """With a pruner, a launch holds the next seed of each running trial, old and new."""
    tape = Tape(lambda x, _: x)
    searched(tmp_path, tape, trials=15, seeds=(0, 1), pruner="successive_halving", parallel=4)
    assert {len(launch) for launch in tape.launches[:4]} == {4}
    assert any(len({run.seed for run in launch}) == 2 for launch in tape.launches[:4])


def test_a_failed_run_fails_its_trial(tmp_path: Path) -> None:
    """The search continues; the trial counts, and has its error as an attribute."""
    third = []

    def train(requests: Sequence[RunRequest]) -> list[RunScore]:
        third.append(requests[6].overrides)
        return [
            RunScore("", math.nan, "ValueError: no")
            if run.overrides == third[0] and run.seed == 1
            else RunScore("r", 1.0)
            for run in requests
        ]

    results = searched(tmp_path, train, parallel=3)
    assert [each.number for each in results if each.state == "failed"] == [2]
    assert len(results) == 6
    failed = trials(tmp_path)[2]
    assert (failed.state, failed.user_attrs["error"]) == (TrialState.FAIL, "ValueError: no")
    assert searched(tmp_path, train, parallel=3) == []


def test_interrupted_and_resumed(tmp_path: Path) -> None:
    """An interruption loses no trial: those that ran are retried, and the total is as requested."""
    tape = Tape(lambda x, _: x)

    def interrupted(requests: Sequence[RunRequest]) -> Sequence[RunScore]:
        if len(tape.launches) == 1:
            raise KeyboardInterrupt
        return tape(requests)

    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path, interrupted, parallel=2)
    states = [trial.state for trial in trials(tmp_path)]
    assert states.count(TrialState.COMPLETE) == states.count(TrialState.FAIL) == 2
    assert states.count(TrialState.WAITING) == 2
    unfinished = {trial.params["x"] for trial in trials(tmp_path) if trial.state == TrialState.FAIL}
    results = searched(tmp_path, tape, parallel=2)
    assert len(results) == 4
    assert unfinished == {x_of(each) for each in results[:2]}
    assert searched(tmp_path, tape, parallel=2) == []


def test_more_trials(tmp_path: Path) -> None:
    """Raising the number of trials adds the difference."""
    tape = Tape(lambda x, _: x)
    assert len(searched(tmp_path, tape, trials=3)) == 3
    assert len(searched(tmp_path, tape, trials=5)) == 2


def test_a_repeated_point_is_not_trained_again(tmp_path: Path) -> None:
    """A point that is drawn again, later or in the same round, gets the result of the first."""
    few = space(["x=range(1,4)"])
    tape = Tape(lambda x, seed: x + seed / 10)
    results = searched(tmp_path, tape, few, trials=20, sampler="random", parallel=5)
    launched = [(x_of(run), run.seed) for launch in tape.launches for run in launch]
    assert sorted(launched) == [(x, seed) for x in (1, 2, 3) for seed in (0, 1, 2)]
    assert len(results) == 20
    for each in results:
        assert each.mean == pytest.approx(x_of(each) + 0.1)


def test_repeated_points_count_in_successive_halving(tmp_path: Path) -> None:
    """A trial is in the best third of all trials so far, those with the result of an earlier one included."""
    halving = {"sampler": "random", "seeds": (0, 1), "pruner": "successive_halving"}
    results = searched(tmp_path, Tape(lambda x, _: x), trials=40, seed=2, **halving)
    tried = [x_of(each) for each in results]
    new = [n for n, x in enumerate(tried) if x not in tried[:n]]
    assert new[-1] > len(new)
    for n in new:
        better = sum(x > tried[n] for x in tried[:n])
        assert results[n].state == ("complete" if better < max((n + 1) // 3, 1) else "pruned")


def test_a_grid_ends(tmp_path: Path) -> None:
    """With fewer combinations than trials, each is tried once, and the search ends."""
    few = space(["x=range(1,4)", "y=a,b"])
    results = searched(tmp_path, Tape(lambda x, _: x), few, trials=100, parallel=4)
    assert len({each.overrides for each in results}) == len(results) == 6


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("pruner", ["none", "median"])
def test_a_score_that_is_no_number_fails_its_trial(tmp_path: Path, score: float, pruner: str) -> None:
    """An environment may give such rewards: the trial counts, so that the search ends."""
    tape = Tape(lambda x, seed: score if seed == 1 else x)
    results = searched(tmp_path, tape, trials=3, pruner=pruner)
    assert [each.state for each in results] == ["failed"] * 3
    assert {trial.user_attrs["error"] for trial in trials(tmp_path)} == {
        "a run's validation score is not finite"
    }
