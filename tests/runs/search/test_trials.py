from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from qsweep.plan.composition import Job, load_config
from qsweep.runs.journal import Ended
from qsweep.runs.search.loop import RunRequest, RunScore
from qsweep.runs.search.planning import SearchPlan, search_plan
from qsweep.runs.search.trials import job, train_runs
from qsweep.tracking import RunRecord, tracker
from qsweep.tracking.curves import Points
from qsweep.tracking.store import open_store
from tests.runs.search.test_planning import OPTIONS

FIXED = ("episodes=100", "checkpoint_every=10", "evaluation.checkpoints=4", "hydra/launcher=basic")


def planned(**options: object) -> SearchPlan:
    return search_plan([*FIXED, "buckets=range(10,20)", "discount=0.9,1"], {**OPTIONS, **options})


def test_a_job() -> None:
    """A run of a trial has the shared overrides, the trial's and its seed, but not those of Hydra itself."""
    made = job(planned(), ("buckets=12", "discount=1"), 7)
    assert made.overrides == (*FIXED[:3], "buckets=12", "discount=1", "seed=7")
    assert made.name == "buckets=12,discount=1,seed=7"
    assert made.config == load_config(made.overrides)


class Launches:
    """Answers with given outcomes, scores or errors, and keeps what was launched."""

    def __init__(self, *answers: dict[str, Any] | list[float] | str) -> None:
        self.answers = list(answers)
        self.launched: list[tuple[str, list[str]]] = []

    def __call__(self, jobs: Sequence[Job], name: str) -> list[Ended]:
        """Train."""
        first = sum(len(names) for _, names in self.launched)
        self.launched.append((name, [each.name for each in jobs]))
        ended = []
        for number, _ in enumerate(jobs, start=first):
            answer = self.answers.pop(0)
            if isinstance(answer, dict):
                ended.append(Ended(number, answer, ""))
            elif isinstance(answer, list):
                ended.append(Ended(number, {"run_id": f"id-{number}", "scores": answer}, ""))
            else:
                ended.append(Ended(number, {}, answer))
        return ended


def request(trial: int) -> RunRequest:
    return RunRequest((f"buckets={10 + trial}", "discount=1"), seed=0)


def test_runs_are_scored() -> None:
    """The score of a run is the best of its evaluated checkpoints."""
    launches = Launches([-200.0, -150.0, -160.0, -155.0], [-200.0, -210.0, -120.0, -190.0])
    scores = train_runs(planned(), launches, None, [request(0), request(1)])
    assert scores == [RunScore("id-0", -150.0), RunScore("id-1", -120.0)]
    assert launches.launched == [
        ("buckets,discount", ["buckets=10,discount=1,seed=0", "buckets=11,discount=1,seed=0"])
    ]


def test_runs_that_failed() -> None:
    """A failed run has its error and no score; the others have theirs."""
    launches = Launches("ValueError: no", [-1.0, -2.0, -3.0, -4.0])
    scores = train_runs(planned(), launches, None, [request(0), request(1)])
    assert [(each.run_id, each.error) for each in scores] == [
        ("", "ValueError: no"),
        ("id-1", ""),
    ]
    assert math.isnan(scores[0].score)
    assert scores[1].score == -1.0


@pytest.mark.usefixtures("workdir")
def test_a_run_of_an_earlier_launch() -> None:
    """Its scores are read from the store, for the launch knows only its id; without any it has an error."""
    store = open_store("local")
    ids = []
    for scores in ([-200.0, -150.0, -160.0], []):
        log = tracker(store).open(RunRecord("run", "MountainCar-v0"))
        for episode, score in enumerate(scores):
            log.log(Points(np.array([episode]), {"eval/return_mean": np.array([score])}))
        log.close("FINISHED", {}, {})
        ids.append(log.run_id)
    launches = Launches({"run_id": ids[0]}, {"run_id": ids[1]})
    best, none = train_runs(planned(), launches, store, [request(0), request(1)])
    assert best == RunScore(ids[0], -150.0)
    assert (none.run_id, none.error) == (ids[1], "the run has no validation score")


def test_a_trials_runs_differ_by_seed_alone() -> None:
    """Everything but the seed is the same, so that trials are compared in pairs."""
    first, second = (job(planned(), ("buckets=12", "discount=1"), seed) for seed in (0, 1))
    assert [a for a, b in zip(first.overrides, second.overrides, strict=True) if a != b] == ["seed=0"]
