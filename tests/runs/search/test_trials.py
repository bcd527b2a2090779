from __future__ import annotations

import math
from collections.abc import Sequence

from qsweep.config import config_hash
from qsweep.plan.composition import Job, load_config
from qsweep.runs.journal import Ended
from qsweep.runs.search.loop import Scored, Wanted
from qsweep.runs.search.planning import SearchPlan, search_plan
from qsweep.runs.search.trials import Runs, job
from tests.runs.search.test_planning import OPTIONS

FIXED = ("episodes=100", "checkpoint_every=10", "evaluation.checkpoints=4", "hydra/launcher=basic")
OPEN = -math.inf


def planned(**options: object) -> SearchPlan:
    return search_plan([*FIXED, "buckets=range(10,20)", "discount=0.9,1"], {**OPTIONS, **options})


def test_a_job() -> None:
    """A trial's run has the shared overrides, the trial's and its seed; Hydra's own are the launcher's."""
    made = job(planned(), ("buckets=12", "discount=1"), 7)
    assert made.overrides == (*FIXED[:3], "buckets=12", "discount=1", "seed=7")
    assert made.name == "buckets=12,discount=1,seed=7"
    assert made.config == load_config(made.overrides)


def test_a_jobs_floors() -> None:
    """Floors come at the episodes of the looks that have one, but for the last; they change no hash."""
    plan = planned(pruner="median", looks=4)
    made = job(plan, ("buckets=12", "discount=1"), 7, (OPEN, -150.5, OPEN, -140.0))
    assert made.config.sweep.floors == ((50, -150.5),)
    assert load_config(made.overrides) == made.config
    plain = job(plan, ("buckets=12", "discount=1"), 7, (OPEN,) * 4)
    assert plain.overrides == made.overrides[:-1]
    assert config_hash(plain.config) == config_hash(made.config)


class Launches:
    """Answers with given scores and errors, in reverse order, and keeps what was launched."""

    def __init__(self, *answers: list[float] | str | None) -> None:
        self.answers = list(answers)
        self.launched: list[tuple[str, list[str]]] = []

    def __call__(self, jobs: Sequence[Job], name: str) -> list[Ended]:
        """Train."""
        first = sum(len(names) for _, names in self.launched)
        self.launched.append((name, [each.name for each in jobs]))
        ended = []
        for number, _ in enumerate(jobs, start=first):
            answer = self.answers.pop(0)
            if isinstance(answer, list):
                ended.append(Ended(number, {"run_id": f"id-{number}", "scores": answer}, ""))
            elif answer is not None:
                ended.append(Ended(number, {}, answer))
        return ended[::-1]


def wanted(trial: int, seed: int) -> Wanted:
    return Wanted(trial, (f"buckets={10 + trial}", "discount=1"), seed, (OPEN, OPEN))


def test_runs_are_scored() -> None:
    """A run's score at a look is the best of its judged checkpoints until then."""
    run = Launches([-200.0, -150.0, -160.0, -155.0], [-200.0, -210.0, -120.0, -190.0])
    runs = Runs(planned(pruner="median", looks=2), run)
    assert runs([wanted(0, 0), wanted(1, 0)]) == [
        Scored("id-0", (-150.0, -150.0)),
        Scored("id-1", (-200.0, -120.0)),
    ]
    assert run.launched == [
        ("buckets,discount", ["buckets=10,discount=1,seed=0", "buckets=11,discount=1,seed=0"])
    ]


def test_a_run_that_stopped_early() -> None:
    """It has the scores of the looks that it got to."""
    runs = Runs(planned(pruner="median", looks=2), Launches([-200.0, -180.0]))
    assert runs([wanted(0, 0)]) == [Scored("id-0", (-180.0,))]


def test_runs_that_failed() -> None:
    """A run that raised says why; one that left no mark was killed."""
    runs = Runs(planned(), Launches("ValueError: no", None, [-1.0, -2.0, -3.0, -4.0]))
    scored = runs([wanted(0, 0), wanted(1, 0), wanted(2, 0)])
    assert scored == [
        Scored("", (), "ValueError: no"),
        Scored("", (), "the worker ended without reporting a result"),
        Scored("id-2", (-1.0,)),
    ]


def test_numbers_go_on() -> None:
    """The second launch's marks are told from the first one's."""
    runs = Runs(planned(), Launches([-1.0] * 4, [-2.0] * 4))
    assert [runs([wanted(trial, 0)])[0].scores for trial in (0, 1)] == [(-1.0,), (-2.0,)]
    assert len(runs.jobs) == 2


def test_a_trials_runs_differ_by_seed_alone() -> None:
    """Paired: everything but the seed is the same."""
    first, second = (job(planned(), ("buckets=12", "discount=1"), seed) for seed in (0, 1))
    assert [a for a, b in zip(first.overrides, second.overrides, strict=True) if a != b] == ["seed=0"]
