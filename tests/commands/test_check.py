"""The exercises of the course, checked on frames of runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from qsweep.commands.check.checking import Checked, check
from qsweep.commands.check.evidence import Result
from qsweep.commands.check.exercises import (
    EXERCISES,
    better_pair,
    careful_but_short,
    every_start,
    near_the_optimum,
    small_grid,
    stopping_early,
    without_chance,
)
from qsweep.errors import UsageError
from qsweep.report.loading.runs import load_runs
from qsweep.tracking.store import open_store
from tests.support import recorded
from tests.support.recorded import row

COMMON: Mapping[str, Any] = {
    "algorithm": "q_learning",
    "discretizer": "uniform",
    "discount": 0.95,
    "epsilon.schedule": "linear",
    "epsilon.start": 0.5,
    "exploration": "epsilon_greedy",
    "initial_q.low": -2,
    "initial_q.high": 0,
    "terminal_rule": "standard",
    "ties": "first",
    "episodes": 5000,
    "test/success_rate": 0.9,
    "optimum/gap": 40.0,
}


def runs(*variants: tuple[Sequence[float], Mapping[str, Any]]) -> pd.DataFrame:
    """Runs of several variants: the scores of their seeds, and what they set."""
    rows = [
        row(str(sorted(given.items())), seed, score, **{**COMMON, **given})
        for scores, given in variants
        for seed, score in enumerate(scores)
    ]
    return pd.DataFrame(rows)


def trained(scores: Sequence[float], **given: Any) -> pd.DataFrame:
    """Runs of one variant whose training averages are its scores."""
    frame = runs((scores, {key.replace("__", "."): value for key, value in given.items()}))
    return frame.assign(**{"train/return_avg": frame["score"]})


ICE = {"env.id": "FrozenLake-v1", "epsilon.schedule": "constant", "epsilon.start": 0}
CLIFF = {"env.id": "CliffWalking-v1", "algorithm": "sarsa"}
EARLY = {"episodes": 25_000, "terminal_rule": "tutorial"}
BEST = [3000, 16_500, 17_000, 18_500, 20_000, 20_500, 25_000, 1000, 2000, 4000]

EVERY = {"episodes": 1000, "test/success_rate": 1.0}

SOLVED: Mapping[Callable[..., Result], pd.DataFrame] = {
    every_start: runs(([-140], {"episodes": 1000, "test/success_rate": 1.0})),
    small_grid: runs(([-130] * 5, {"buckets": "[10, 20]"}), ([-140] * 5, {"buckets": 20})),
    better_pair: pd.concat(
        [
            trained([-160, -161, -162, -163, -164, -165]),
            trained([-140, -141, -142, -143, -144, -145], learning_rate=0.3),
        ]
    ),
    without_chance: runs(([0.74] * 5, {**ICE, "initial_q.low": 1, "initial_q.high": 1})),
    careful_but_short: runs(([-13.0] * 5, {**CLIFF, "epsilon.start": 0})),
    near_the_optimum: runs(([-99] * 3, {"episodes": 2000, "optimum/gap": 1.3})),
}
UNSOLVED: Sequence[tuple[Callable[..., Result], pd.DataFrame, str]] = [
    (every_start, runs(([-140], {"test/success_rate": 1.0})), "no finished run"),
    (every_start, runs(([-140], {"episodes": 1000})), "best of 1 run: .* 90.0%"),
    (every_start, runs(([-140], {"episodes": 900, "standard": "false"})), "no finished run"),
    (every_start, runs(([-140], {"episodes": 900, "status": "FAILED"})), "no finished run"),
    (every_start, runs(([-140], {**EVERY, "evaluation.test_episodes": 999})), "no finished run"),
    (every_start, runs(([-140], {**EVERY, "initial_q.sha256": "0" * 64})), "no finished run"),
    (small_grid, runs(([-130] * 5, {"buckets": 14})), "needed are runs"),
    (small_grid, runs(([-141] * 5, {"buckets": 14}), ([-140] * 5, {"buckets": 20})), "no grid .* higher"),
    (small_grid, runs(([-130] * 5, {"buckets": 15}), ([-140] * 5, {"buckets": 20})), "0 variants"),
    (small_grid, runs(([-130] * 4, {"buckets": 14}), ([-140] * 5, {"buckets": 20})), "0 variants"),
    (
        small_grid,
        runs(([-130] * 5, {"buckets": 14, "episodes": 9000}), ([-140] * 5, {"buckets": 20})),
        "equal in all other keys; there are 1 variant",
    ),
    (better_pair, trained([-160] * 6), "needed are runs"),
    (
        better_pair,
        pd.concat([trained([-160] * 6), trained([-161] * 6, discount=0.9)]),
        "no pair has a higher training average",
    ),
    (
        better_pair,
        pd.concat(
            [
                trained([-160, -150, -170, -155, -165, -162]),
                trained([-159, -149, -169, -154, -164, -161], discount=1),
            ]
        ),
        "may be luck",
    ),
    (without_chance, runs(([0.74] * 5, {**ICE, "epsilon.start": 0.1})), "there is no variant"),
    (without_chance, runs(([0.2] * 5, ICE)), "best of 1 variant"),
    (stopping_early, runs(([-130] * 9, EARLY)), "10 seeds or more .*; there are 9 runs"),
    (stopping_early, runs(([-130] * 10, EARLY)), "give your answer: qsweep check 5 NUMBER"),
    (careful_but_short, runs(([-13.0] * 5, {**CLIFF, "algorithm": "q_learning"})), "there is no variant"),
    (careful_but_short, runs(([-13.0] * 4 + [-17.0], CLIFF)), "4 of 5 seeds"),
    (near_the_optimum, runs(([-99] * 3, {"optimum/gap": 1.3})), "there is no variant"),
    (near_the_optimum, runs(([-110] * 3, {"episodes": 2000, "optimum/gap": 12.0})), "12 below the optimum"),
]


@pytest.mark.parametrize(("rule", "frame"), SOLVED.items(), ids=lambda of: getattr(of, "__name__", ""))
def test_runs_that_solve_an_exercise(rule: Callable[..., Result], frame: pd.DataFrame) -> None:
    """They hold also among other runs, and the words name the measured value."""
    found = rule(frame, None)
    assert found.holds, found.words
    assert any(digit in found.words for digit in "0123456789")
    others = runs(([-150] * 6, {"env.id": "CartPole-v1"}), ([-190], {"episodes": 100}))
    assert rule(pd.concat([others, frame]), None).holds


@pytest.mark.parametrize(("rule", "frame", "why"), UNSOLVED)
def test_runs_that_do_not_solve_it(rule: Callable[..., Result], frame: pd.DataFrame, why: str) -> None:
    """The words say what is missing, or how far the best is."""
    found = rule(frame, None)
    assert not found.holds
    assert re.search(why, found.words), found.words


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.question)
def test_a_store_without_runs_solves_nothing(exercise: Any) -> None:
    """A frame without rows or columns is no error."""
    assert not exercise.check(recorded.frame({}), None).holds


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.question)
@pytest.mark.parametrize("env_id", ["MountainCar-v0", "FrozenLake-v1", "CliffWalking-v1"])
def test_runs_of_other_versions_solve_nothing(exercise: Any, env_id: str) -> None:
    """They may lack params and metrics, or have words in place of numbers."""
    assert not exercise.check(pd.DataFrame([row("v", seed) for seed in range(6)]), None).holds
    frame = pd.DataFrame([row("v", seed, **{"env.id": env_id}) for seed in range(12)])
    assert not exercise.check(frame, None).holds
    assert not exercise.check(frame.assign(episodes="many"), None).holds


def test_the_number_of_early_seeds_is_counted() -> None:
    """17,000, 18,500 and 20,000 count; 16,500 and 20,500 do not."""
    frame = runs(([-130] * 10, EARLY)).assign(best_episode=BEST)
    assert stopping_early(frame, 3).holds
    assert "luck alone gives 1.4" in stopping_early(frame, 3).words
    wrong = stopping_early(frame, 4)
    assert not wrong.holds
    assert "3" not in wrong.words  # the right number is not given away


def test_many_tries_need_stronger_evidence() -> None:
    """The same pair that is significant alone is not among twenty others."""
    default, better = [-160, -161, -158, -163, -164, -165], [-159.5, -150, -152, -147, -149, -148]
    pair = trained(better, learning_rate=0.3)
    assert better_pair(pd.concat([trained(default), pair]), None).holds
    more = [trained([-170] * 6, discount=0.5 + tried / 100) for tried in range(20)]
    found = better_pair(pd.concat([trained(default), pair, *more]), None)
    assert not found.holds
    assert "21 pairs tried" in found.words


def test_what_is_printed() -> None:
    """One exercise with its task, all with a line each; both end in success only if everything is solved."""
    one = Checked({2: Result(True, "it holds")})
    assert str(one) == f"{EXERCISES[1].task}\nlesson 2: solved; it holds"
    two = Checked({1: Result(False, "no run"), 2: Result(True, "it holds")})
    assert str(two) == "lesson 1: not yet; no run\nlesson 2: solved; it holds"
    assert (one.holds, two.holds) == (True, False)


def test_an_answer_that_is_missing_does_not_count_among_others() -> None:
    """Without a number only the seeds of lesson 5 can be checked; alone it is not solved."""
    waiting = stopping_early(runs(([-130] * 10, EARLY)), None)
    assert waiting.waits
    assert not Checked({5: waiting}).holds
    both = Checked({2: Result(True, "it holds"), 5: waiting})
    assert both.holds
    assert "lesson 5: open; your 10 seeds are there" in str(both)
    assert not Checked({2: Result(False, "no run"), 5: waiting}).holds
    assert not stopping_early(runs(([-130] * 9, EARLY)), None).waits


def test_the_default_number_of_test_starts_counts() -> None:
    """Null, or 1,000 and more."""
    for count in (None, 1000, "2000"):
        assert every_start(runs(([-140], {**EVERY, "evaluation.test_episodes": count}))).holds


@pytest.mark.usefixtures("workdir")
def test_runs_of_a_store() -> None:
    """The runs of the named experiment count, and of no other; without a lesson all are checked."""
    store = open_store("local")
    found = {"episodes": 900, "tracking": {"experiment": "ada"}}
    recorded.record(store, found, -120.0, **{"test/success_rate": 1.0})
    recorded.record(store, {"episodes": 900}, -190.0, **{"test/success_rate": 0.1})
    assert set(load_runs()["experiment"]) == {"ada", "MountainCar-v0"}
    assert check(store, 1, None, "ada").holds
    assert not check(store, 1, None, "MountainCar-v0").holds
    assert list(check(store, None, None).results) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.usefixtures("workdir")
@pytest.mark.parametrize(
    ("lesson", "answer", "rule"),
    [(0, None, "LESSON: must be from 1 to 7"), (8, None, "LESSON"), (2, 3, "ANSWER: is not asked for")],
)
def test_what_cannot_be_checked_is_refused(lesson: int, answer: int | None, rule: str) -> None:
    """A lesson that does not exist; an answer where the runs are the answer."""
    with pytest.raises(UsageError, match=rule):
        check(open_store("local"), lesson, answer)


def test_every_lesson_has_its_page() -> None:
    """Its title is the question of its exercise, and it says how the exercise is checked."""
    course = Path(__file__).parents[2] / "docs" / "course"
    index = (course / "README.md").read_text()
    for number, exercise in enumerate(EXERCISES, start=1):
        [page] = course.glob(f"{number}-*.md")
        text = page.read_text()
        assert text.startswith(f"# {number}. {exercise.question}\n")
        assert f"`qsweep check {number}" in text
        assert f"[{number}]({page.name}) | {exercise.question} |" in index
    assert len(list(course.glob("[0-9]*.md"))) == len(EXERCISES)
