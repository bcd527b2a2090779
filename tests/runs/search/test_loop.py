from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.trial import TrialState

from qsweep.runs.search.loop import Evaluate, Scored, Search, Told, Wanted
from qsweep.runs.search.samplers import sampler
from qsweep.runs.search.settings import Settings
from qsweep.runs.search.spaces import Space, space
from qsweep.runs.search.study import SearchStudy

LINE = space(["x=range(1,31)"])


def x_of(run: Wanted) -> int:
    return int(run.overrides[0].removeprefix("x="))


class Tape:
    """Scores runs by a function of x and the seed, and keeps what was wanted, launch by launch."""

    def __init__(self, score: Callable[[int, int], float]) -> None:
        self.score = score
        self.launches: list[list[Wanted]] = []

    def __call__(self, wanted: Sequence[Wanted]) -> list[Scored]:
        """Train."""
        self.launches.append(list(wanted))
        return [Scored(f"run-{x_of(run)}-{run.seed}", (self.score(x_of(run), run.seed),)) for run in wanted]


def searched(folder: Path, evaluate: Evaluate, points: Space = LINE, **given: Any) -> list[Told]:
    """What a search tells; the study lies in the folder and is gone on with."""
    settings = Settings(**{"trials": 6, "seeds": (0, 1, 2), "sampler": "grid", **given})
    return list(Search(study_in(folder, settings, points), points, settings, evaluate).run())


def study_in(folder: Path, settings: Settings, points: Space = LINE) -> SearchStudy:
    drawn = sampler(settings.sampler, settings.seed, points)
    return SearchStudy("a", folder / "optuna.db", drawn, {})


def trials(folder: Path) -> list[Any]:
    return study_in(folder, Settings(1, (0,))).study.get_trials()


def test_all_runs_of_a_batch_are_launched_together(tmp_path: Path) -> None:
    """Without a pruner, every seed of as many trials as are under way at once, in one launch."""
    tape = Tape(lambda x, _: x)
    told = searched(tmp_path, tape, parallel=4)
    assert [len(launch) for launch in tape.launches] == [12, 6]
    assert [run.seed for run in tape.launches[1]] == [0, 1, 2, 0, 1, 2]
    assert sorted(each.state for each in told) == ["complete"] * 6
    assert len({each.overrides for each in told}) == 6


def test_the_objective_is_the_mean_over_seeds(tmp_path: Path) -> None:
    """Of scores 1, 2 and 6 the mean is 3, its standard error sqrt(7 / 3); both are kept with the trial."""
    scores = {0: 1.0, 1: 2.0, 2: 6.0}
    [told] = searched(tmp_path, Tape(lambda _, seed: scores[seed]), trials=1)
    assert (told.mean, told.seeds) == (3.0, 3)
    assert told.standard_error == pytest.approx(math.sqrt(7 / 3))
    [trial] = trials(tmp_path)
    assert trial.value == 3.0
    kept = dict(trial.user_attrs)
    assert len(kept.pop("worker")) == 32
    number = int(told.overrides[0].removeprefix("x="))
    assert kept == {
        "overrides": [f"x={number}"],
        "runs": [f"run-{number}-0", f"run-{number}-1", f"run-{number}-2"],
        "mean": 3.0,
        "standard_error": pytest.approx(math.sqrt(7 / 3)),
        "seeds": 3,
    }
    assert trial.intermediate_values == {1: 1.0, 2: 1.5, 3: 3.0}


def test_one_seed_has_no_standard_error(tmp_path: Path) -> None:
    """Nothing is said of a spread that is not known."""
    [told] = searched(tmp_path, Tape(lambda x, _: x), trials=1, seeds=(3,))
    assert math.isnan(told.standard_error)
    assert "standard_error" not in trials(tmp_path)[0].user_attrs


def test_pruned_across_seeds(tmp_path: Path) -> None:
    """Seed by seed: a trial goes on only where its first score is among the best third of those before it."""
    tape = Tape(lambda x, _: x)
    told = searched(tmp_path, tape, trials=30, seeds=(0, 1), pruner="successive_halving", parallel=1)
    first = [x_of(launch[0]) for launch in tape.launches if launch[0].seed == 0]
    assert len(first) == 30
    for n, each in enumerate(told, start=1):
        better = sum(x > first[n - 1] for x in first[:n])
        assert each.state == ("complete" if better < max(n // 3, 1) else "pruned")
        assert each.seeds == (2 if each.state == "complete" else 1)
    assert [len(launch) for launch in tape.launches] == [1] * len(tape.launches)
    assert len(tape.launches) == 30 + sum(each.state == "complete" for each in told)


def test_candidates_fill_up_the_launches(tmp_path: Path) -> None:
    """With a pruner, a launch holds the next seed of each trial under way, old and new."""
    tape = Tape(lambda x, _: x)
    searched(tmp_path, tape, trials=15, seeds=(0, 1), pruner="successive_halving", parallel=4)
    assert {len(launch) for launch in tape.launches[:4]} == {4}
    assert any(len({run.seed for run in launch}) == 2 for launch in tape.launches[:4])


def test_floors_within_a_run(tmp_path: Path) -> None:
    """A run is handed the floors of its looks in terms of its own score, and one that stopped is pruned."""
    launches: list[Wanted] = []

    def evaluate(wanted: Sequence[Wanted]) -> list[Scored]:
        launches.extend(wanted)
        scored = []
        for run in wanted:
            course = (x_of(run) - 1.0, float(x_of(run)))
            stopped = course[0] < run.floors[0]
            scored.append(Scored("", course[:1] if stopped else course))
        return scored

    told = searched(tmp_path, evaluate, trials=12, seeds=(0, 1), pruner="median", looks=2)
    assert [each.state for each in told[:5]] == ["complete"] * 5  # the median waits for five
    assert all(run.floors == (-np.inf, -np.inf) for run in launches[:10])
    done = [x_of(run) for run in launches[:10:2]]
    median = float(np.median(done))
    assert launches[10].floors == (median - 1, median)  # at its looks the others had x - 1 and x
    place = next(place for place, run in enumerate(launches[10:], start=10) if run.seed == 1)
    second = (2 * (median - 0.5) - x_of(launches[place]), -np.inf)  # there the others' means were x - 1/2
    assert launches[place].floors == second
    early = [each for each in told if each.state == "pruned"]
    assert early
    stopped = {trial.number: trial.intermediate_values for trial in trials(tmp_path)}
    assert any(list(stopped[each.number]) == [1] for each in early)


def test_a_failed_run_fails_its_trial(tmp_path: Path) -> None:
    """The search goes on; the trial counts, and says why it failed."""

    def evaluate(wanted: Sequence[Wanted]) -> list[Scored]:
        return [
            Scored("", (), "ValueError: no") if run.trial == 2 and run.seed == 1 else Scored("r", (1.0,))
            for run in wanted
        ]

    told = searched(tmp_path, evaluate, parallel=3)
    assert [each.number for each in told if each.state == "failed"] == [2]
    assert len(told) == 6
    failed = trials(tmp_path)[2]
    assert (failed.state, failed.user_attrs["error"]) == (TrialState.FAIL, "ValueError: no")
    assert searched(tmp_path, evaluate, parallel=3) == []


def test_interrupted_and_resumed(tmp_path: Path) -> None:
    """An interruption loses no trial: what was under way comes again, and the total is what was asked for."""
    tape = Tape(lambda x, _: x)

    def interrupted(wanted: Sequence[Wanted]) -> Sequence[Scored]:
        if len(tape.launches) == 1:
            raise KeyboardInterrupt
        return tape(wanted)

    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path, interrupted, parallel=2)
    states = [trial.state for trial in trials(tmp_path)]
    assert states.count(TrialState.COMPLETE) == states.count(TrialState.FAIL) == 2
    assert states.count(TrialState.WAITING) == 2
    given_up = {trial.params["x"] for trial in trials(tmp_path) if trial.state == TrialState.FAIL}
    told = searched(tmp_path, tape, parallel=2)
    assert len(told) == 4
    assert given_up == {int(each.overrides[0].removeprefix("x=")) for each in told[:2]}
    assert searched(tmp_path, tape, parallel=2) == []


def test_more_trials_go_on(tmp_path: Path) -> None:
    """Raising the number of trials adds the difference."""
    tape = Tape(lambda x, _: x)
    assert len(searched(tmp_path, tape, trials=3)) == 3
    assert len(searched(tmp_path, tape, trials=5)) == 2


def test_what_was_tried_is_not_trained_again(tmp_path: Path) -> None:
    """A point that comes again, earlier or at once, has the scores that it had."""
    few = space(["x=range(1,4)"])
    tape = Tape(lambda x, seed: x + seed / 10)
    told = searched(tmp_path, tape, few, trials=20, sampler="random", parallel=5)
    launched = [(x_of(run), run.seed) for launch in tape.launches for run in launch]
    assert sorted(launched) == [(x, seed) for x in (1, 2, 3) for seed in (0, 1, 2)]
    assert len(told) == 20
    for each in told:
        assert each.mean == pytest.approx(x_of(Wanted(0, each.overrides, 0, ())) + 0.1)


def test_a_grid_ends(tmp_path: Path) -> None:
    """With fewer combinations than trials, each is tried once and the search is over."""
    few = space(["x=range(1,4)", "y=a,b"])
    told = searched(tmp_path, Tape(lambda x, _: x), few, trials=100, parallel=4)
    assert len({each.overrides for each in told}) == len(told) == 6


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("pruner", ["none", "median"])
def test_a_score_that_is_no_number_fails_its_trial(tmp_path: Path, score: float, pruner: str) -> None:
    """An environment may give such rewards: the trial counts, so that the search comes to an end."""
    tape = Tape(lambda x, seed: score if seed == 1 else x)
    told = searched(tmp_path, tape, trials=3, pruner=pruner)
    assert [each.state for each in told] == ["failed"] * 3
    assert {trial.user_attrs["error"] for trial in trials(tmp_path)} == {
        "a run's validation score is not finite"
    }
