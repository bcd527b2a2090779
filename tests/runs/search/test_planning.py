from __future__ import annotations

from typing import Any

import pytest

from qsweep.environments.resolved import Resolved
from qsweep.errors import Problem, UsageError
from qsweep.runs.search.planning import search_plan
from qsweep.runs.starting_table import Tables

OPTIONS: dict[str, Any] = {
    "params": None,
    "trials": 10,
    "seeds": "range(2)",
    "sampler": "tpe",
    "pruner": "none",
    "parallel": 1,
    "seed": 0,
    "study": None,
}
LINES = ("learning_rate=interval(0.01,0.5)", "buckets=range(10,60)", "episodes=100")


def problems(*lines: str, **options: Any) -> list[str]:
    with pytest.raises(UsageError) as refused:
        search_plan(lines, {**OPTIONS, **options})
    return [str(problem) for problem in refused.value.problems]


def test_a_plan() -> None:
    """Keys that vary are searched, keys of one value are shared; the name lists the searched keys."""
    plan = search_plan(LINES, OPTIONS)
    assert plan.name == "learning_rate,buckets"
    assert plan.varied == ("learning_rate", "buckets")
    assert plan.fixed == ("episodes=100",)
    assert (plan.first.learning_rate, plan.first.buckets, plan.first.episodes) == (0.01, 10, 100)


def test_a_name_of_its_own() -> None:
    """The name is the study's, else the sweep's, else the searched keys."""
    assert search_plan([*LINES, "sweep.name=mine"], OPTIONS).name == "mine"
    assert search_plan([*LINES, "sweep.name=mine"], {**OPTIONS, "study": "a"}).name == "a"


def test_a_preset_is_overridden() -> None:
    """A key on the command line replaces the preset's, with one value or with another range."""
    params = {"learning_rate": "interval(0,1)", "buckets": "range(10,60)", "discount": "0.9,1"}
    plan = search_plan(["learning_rate=0.3", "buckets=range(5,9)"], {**OPTIONS, "params": params})
    assert plan.varied == ("buckets", "discount")
    assert plan.fixed == ("learning_rate=0.3",)
    assert plan.first.buckets == 5


def test_all_problems_at_once() -> None:
    """The problems of settings, space and keys are reported together."""
    found = problems("seed=range(3)", "learning_rate=interval(1,0)", trials=0, sampler="best")
    assert [line.partition(":")[0] for line in found] == [
        "hydra.sweeper.trials",
        "hydra.sweeper.sampler",
        "seed",
        "learning_rate",
    ]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["learning_rate=interval(0,1)"], "learning_rate: must be a number above 0 and at most 1; given 0.0"),
        (
            ["learning_rate=interval(0.5,2)"],
            "learning_rate: must be a number above 0 and at most 1; given 2.0",
        ),
        (["buckets=interval(10,60)"], "buckets: must be a whole number from 1"),
        (["buckets=[10,20],[20]"], "buckets: must be one number or a list of 2"),
        (["epsilon=linear,cubic"], "epsilon: must be a preset of epsilon; given 'cubic'"),
        (["lerning_rate=interval(0,1)"], "lerning_rate: is not a key"),
        (["temperature=interval(0.1,1)"], "temperature: "),
        (["episodes=100"], "hydra.sweeper.params: must name something to search"),
    ],
)
def test_the_corners_of_a_space_are_checked(lines: list[str], said: str) -> None:
    """Values that no run could start with are found at the corners of the space, before anything starts."""
    assert any(line.startswith(said) for line in problems(*lines))


def test_groups_are_searched() -> None:
    """A preset of a group is a category like any other."""
    plan = search_plan(["algorithm=q_learning,sarsa", "epsilon=linear,constant"], OPTIONS)
    assert plan.varied == ("algorithm", "epsilon")
    assert plan.first.algorithm == "q_learning"


def test_an_unsuitable_sampler() -> None:
    """A grid of an interval is refused like any other problem."""
    [said] = problems("learning_rate=interval(0.1,0.5)", sampler="grid")
    assert said.startswith("learning_rate: must be a list of values on a grid")


def test_facts_of_a_study() -> None:
    """Space, config and seeds are fixed in a study; the sampler and the number of trials may change."""
    facts = search_plan(LINES, OPTIONS).facts
    assert search_plan(LINES, {**OPTIONS, "trials": 99, "sampler": "qmc", "parallel": 7}).facts == facts
    others = [
        search_plan([*LINES[:2], "episodes=200"], OPTIONS),
        search_plan(["learning_rate=interval(0.01,0.6)", *LINES[1:]], OPTIONS),
        search_plan(LINES, {**OPTIONS, "seeds": "range(3)"}),
    ]
    assert all(other.facts != facts for other in others)


def test_every_corner_must_fit_the_table_that_runs_start_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only the first one: a search over the grid is refused before anything starts."""

    class Fits4(Tables):
        """A table that fits runs of one grid."""

        def started(self, run: Resolved) -> Resolved:
            if run.grid.buckets != (4, 4):
                raise UsageError([Problem("initial_q.from", f"is for another grid than {run.grid.buckets}")])
            return run

    monkeypatch.setattr("qsweep.runs.search.planning.Tables", Fits4)
    with pytest.raises(UsageError, match="another grid"):
        search_plan(["buckets=choice(4,8)"], OPTIONS)
