from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from qsweep.errors import UsageError
from qsweep.report.comparison.studies import Study, studies
from tests.support.recorded import SCORE, frame, row

SCORES = {"buckets=10": [-150.0, -140.0], "buckets=20": [-130.0, -120.0], "buckets=40": [-110.0]}


def of(runs: pd.DataFrame, metric: str = SCORE, baseline: str | None = None) -> list[Study]:
    return studies(runs, metric, baseline, np.random.default_rng(0))


def test_the_runs_of_a_variant() -> None:
    """Variants are labelled by differing params, the highest mean of several seeds first."""
    [study] = of(frame(SCORES))
    assert (study.title, study.env_id, study.keys) == ("MountainCar-v0", "MountainCar-v0", ("buckets",))
    assert study.labels == ["buckets=20", "buckets=10", "buckets=40"]
    assert study.of("buckets=10")["seed"].tolist() == [0, 1]
    assert study.scores("buckets=10").tolist() == [-150.0, -140.0]
    assert study.verdict.rows[0].summary.mean == -125.0


def test_what_does_not_count() -> None:
    """Unfinished runs and runs without a finite score are listed but not counted."""
    runs = pd.concat(
        [
            frame(SCORES),
            frame({"buckets=80": [-1.0]}, status="FAILED"),
            frame({"buckets=81": [-1.0]}, status="KILLED"),
            frame({"buckets=82": [-1.0]}, status="RUNNING"),
            frame({"buckets=83": [np.nan, np.inf, -np.inf]}),
        ],
        ignore_index=True,
    )
    [study] = of(runs)
    assert len(study.runs) == 11
    assert set(study.counted["label"]) == set(SCORES)


def test_a_config_that_ran_again() -> None:
    """Of a repeated config the latest run counts, the first in the frame."""
    runs = pd.DataFrame([row("a", 0, -1.0, run_id="later"), row("a", 0, -2.0, run_id="sooner"), row("a", 1)])
    [study] = of(runs)
    assert study.counted["run_id"].tolist()[0] == "later"
    assert len(study.counted) == 2


def test_environments_are_never_compared() -> None:
    """Each environment is a separate study, the one with the most runs first."""
    other = frame({"buckets=10": [500.0]}, environment="f", **{"env.id": "CartPole-v1"})
    found = of(pd.concat([other, frame(SCORES)], ignore_index=True))
    assert [study.title for study in found] == ["MountainCar-v0", "CartPole-v1"]
    assert [study.labels for study in found][1] == ["CartPole-v1"]


def test_environments_of_one_id() -> None:
    """Titles of environments with one id have the differing params."""
    longer = frame({"buckets=10": [-1.0]}, environment="f", **{"env.max_steps": 500})
    titles = {study.title for study in of(pd.concat([longer, frame(SCORES)], ignore_index=True))}
    assert titles == {"MountainCar-v0 (env.max_steps=500)", "MountainCar-v0 (env.max_steps=200)"}


def test_runs_without_a_hash_of_their_environment() -> None:
    """Older runs are grouped by the environment's id."""
    runs = pd.concat(
        [
            frame(SCORES, environment=None),
            frame({"buckets=1": [1.0]}, environment=None, **{"env.id": "X-v0"}),
        ],
        ignore_index=True,
    )
    assert [study.env_id for study in of(runs)] == ["MountainCar-v0", "X-v0"]


def confirmed(**more: Any) -> pd.DataFrame:
    again = frame({"buckets=20": [-126.0, -128.0], "buckets=10": [-146.0, -148.0]}, sweep="s-confirm", **more)
    again["seed"] += 2
    again["config"] = again["name"] = again["run_id"] = [f"fresh{n}" for n in range(len(again))]
    return again


def test_runs_on_fresh_seeds() -> None:
    """Confirmation runs count with those of their variants, and are known as fresh."""
    [study] = of(pd.concat([frame(SCORES), confirmed()], ignore_index=True))
    assert set(study.counted["sweep"]) == {"s", "s-confirm"}
    assert [(row.label, row.summary.n, row.fresh.mean, row.first) for row in study.verdict.rows[:2]] == [
        ("buckets=20", 4, -127.0, -125.0),
        ("buckets=10", 4, -147.0, -145.0),
    ]
    assert np.isnan(study.verdict.rows[2].fresh.mean)
    assert len(study.confirming) == len(study.fresh) == 4


def test_a_seed_that_is_not_fresh() -> None:
    """A confirmation run whose config is also in the sweep does not count as one."""
    again = confirmed()
    again.loc[0, "config"] = frame(SCORES)["config"][2]
    [study] = of(pd.concat([frame(SCORES), again], ignore_index=True))
    assert len(study.fresh) == 3


def test_a_name_that_only_looks_like_a_confirmation() -> None:
    """Runs of a sweep NAME-confirm are ordinary ones without a sweep NAME among the runs."""
    [study] = of(frame(SCORES, sweep="s-confirm"))
    assert (len(study.counted), len(study.fresh)) == (5, 0)


@pytest.mark.parametrize("name", ["buckets=10", " buckets=10 ", frame(SCORES)["variant"][0]])
def test_a_baseline(name: str) -> None:
    """A baseline is named by label or hash; every other variant is compared with it."""
    [study] = of(frame(SCORES), baseline=name)
    assert study.baseline == "buckets=10"
    assert set(study.against) == {"buckets=20", "buckets=40"}
    assert study.against["buckets=20"].p_better == 0.0  # the baseline's chance


def test_a_baseline_of_several_words() -> None:
    """A label of several params may be written with commas, in any order."""
    runs = pd.DataFrame(
        [row(f"{b}{r}", 0, -1.0, buckets=b, learning_rate=r) for b in (10, 20) for r in (0.1, 0.2)]
    )
    [study] = of(runs, baseline="buckets=20,learning_rate=0.1")
    assert study.baseline == "buckets=20  learning_rate=0.1"


def test_an_unknown_baseline() -> None:
    """An unknown baseline is refused, with the nearest label."""
    with pytest.raises(UsageError, match=r"--baseline: .* given 'buckets=11' \(did you mean buckets=10\?\)"):
        of(frame(SCORES), baseline="buckets=11")


def test_labels_are_unique() -> None:
    """Variants without recorded differences are distinguished by their hashes."""
    runs = frame({"buckets=10": [-1.0], "buckets=20": [-2.0]}).assign(buckets=20)
    [study] = of(runs)
    hashes = [variant[:6] for variant in runs["variant"]]
    assert study.labels == [f"MountainCar-v0  ({part})" for part in hashes]


def test_nothing_to_compare() -> None:
    """Runs without any score, seed or metric still form a study."""
    [study] = of(frame(SCORES, status="FAILED"))
    assert (study.labels, study.verdict.headline) == ([], "There are no scores to compare.")
    [study] = of(frame(SCORES).drop(columns=[SCORE]))
    assert (study.labels, len(study.runs)) == ([], 5)
    [study] = of(frame(SCORES).drop(columns="seed"))
    assert [len(study.scores(label)) for label in study.labels] == [2, 2, 1]
    assert of(frame(SCORES).iloc[:0]) == []
