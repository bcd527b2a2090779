from __future__ import annotations

import numpy as np
import pandas as pd

from qsweep.report.comparison.studies import Study, studies
from qsweep.report.contents import Contents, Section
from qsweep.report.words import (
    against_baseline,
    conclusions,
    counted,
    lineage,
    more_runs,
    notes,
    on_fresh_seeds,
    shared,
    summary,
)
from tests.support.recorded import SCORE, frame

SCORES = {"buckets=10": [-150.0, -140.0], "buckets=20": [-130.0, -120.0]}


def study_of(runs: pd.DataFrame, baseline: str | None = None) -> Study:
    [study] = studies(runs, SCORE, baseline, np.random.default_rng(0))
    return study


def contents_of(runs: pd.DataFrame) -> Contents:
    found = studies(runs, SCORE, None, np.random.default_rng(0))
    sections = tuple(Section(study, pd.DataFrame(), {}, (), (), ()) for study in found)
    return Contents("s", runs, sections, pd.Timestamp("2025-01-02 03:04", tz="UTC"))


def test_one_line_on_everything() -> None:
    """The summary has environments, variants, runs and time."""
    assert summary(contents_of(frame(SCORES))) == (
        "MountainCar-v0 · 2 variants · 4 runs · 2025-01-02 03:04 UTC"
    )


def test_what_fresh_seeds_say() -> None:
    """Each finalist is listed with its mean over fresh seeds and its first estimate."""
    again = frame({"buckets=20": [-126.0, -128.0]}, sweep="s-confirm").assign(config=["x", "y"], seed=[2, 3])
    study = study_of(pd.concat([frame(SCORES), again], ignore_index=True))
    assert list(on_fresh_seeds(study)) == [
        "buckets=20: -127 (95% interval -128 to -126) over 2 fresh seeds; first estimate -125",
    ]
    assert list(on_fresh_seeds(study_of(frame(SCORES)))) == []


def test_the_end_of_a_sweep() -> None:
    """Each environment has one sentence: the verdict, and what became of `best`."""
    [sentence] = conclusions(frame(SCORES), {"e": "X@best is now a run"})
    assert sentence == (
        "buckets=20 and 10 cannot be distinguished with 2 seeds each, whatever the scores: at least 4 seeds "
        "each are needed; X@best is now a run."
    )
    other = frame(SCORES, environment="f", **{"env.id": "CartPole-v1"})
    both = list(conclusions(pd.concat([frame(SCORES), other]), {}))
    assert [said.partition(": ")[0] for said in both] == ["MountainCar-v0", "CartPole-v1"]
    assert list(conclusions(pd.DataFrame(), {})) == []
    assert list(conclusions(frame(SCORES, status="FAILED"), {})) == ["There are no scores to compare."]


def test_against_a_baseline() -> None:
    """With ten seeds, a variant differs significantly if its every run is better, or worse."""
    scores = {
        "buckets=10": [-150.0 - n for n in range(10)],
        "buckets=20": [-100.0 - n for n in range(10)],
        "buckets=30": [-200.0 - n for n in range(10)],
        "buckets=40": [-150.5 - n for n in range(10)],
    }
    said = sorted(against_baseline(study_of(frame(scores), "buckets=10")))
    assert [sentence.partition(": ")[2].partition(" (")[0] for sentence in said] == [
        "significantly different",
        "significantly different",
        "not significantly different",
    ]
    assert said[0].startswith(
        "P(buckets=20 better than the baseline buckets=10) = 1.00, 95% interval 1.00 to 1.00"
    )
    assert said[1].startswith("P(buckets=30 better than the baseline buckets=10) = 0.00")


def test_runs_that_do_not_count() -> None:
    """Failed, killed, running and unevaluated runs and repeated configs are counted."""
    runs = pd.concat(
        [
            frame(SCORES),
            frame({"buckets=1": [-1.0, -2.0]}, status="FAILED"),
            frame({"buckets=2": [-1.0]}, status="KILLED"),
            frame({"buckets=3": [-1.0]}, status="RUNNING"),
            frame({"buckets=4": [np.nan]}),
            frame({"buckets=10": [-9.0]}, run_id="sooner"),
        ],
        ignore_index=True,
    )
    assert list(notes(study_of(runs))) == [
        "2 runs failed: left out of every comparison.",
        "1 run was killed: left out of every comparison.",
        "1 run is marked as running (in progress, or its process died): left out of every comparison.",
        "1 finished run without score: left out of every comparison.",
        "1 run was repeated later with the same config: only the latest counts.",
    ]
    assert list(notes(study_of(frame(SCORES)))) == []


def test_lineage() -> None:
    """Provenance has code, versions, machine and seeds, with run counts if they differ."""
    runs = frame({"buckets=10": [-1.0, -2.0, -3.0, -4.0]}).assign(seed=[0, 1, 2, 7])
    runs["git_dirty"] = ["true", "false", "false", "false"]
    runs.loc[3, "git_commit"] = None
    found = dict(lineage(study_of(runs)))
    assert found["git commit"] == [
        "0123456789ab (2 runs)",
        "0123456789ab, with uncommitted changes (1 run)",
        "no repository (1 run)",
    ]
    assert found["packages"] == ["numpy 2.0"]
    assert found["seeds"] == ["0 to 2, 7"]
    assert found["started"] == ["2025-01-02 03:04 UTC"]
    assert "fresh seeds" not in found


def test_lineage_of_older_runs() -> None:
    """Runs without recorded provenance say so."""
    origin = ("git_commit", "git_dirty", "packages", "python", "platform", "version")
    found = dict(lineage(study_of(frame(SCORES).assign(**dict.fromkeys(origin)))))
    assert found["Python"] == found["packages"] == found["qsweep"] == ["not recorded"]


def test_what_all_runs_share() -> None:
    """Shared params are equal in all runs, without those that may differ within a variant."""
    found = dict(shared(study_of(frame(SCORES))))
    assert found["learning_rate"] == "0.1"
    assert found["env.id"] == "MountainCar-v0"
    assert not {"buckets", "seed", "run_id", SCORE} & set(found)


def test_long_lists() -> None:
    """The page states if it does not list all runs; nouns follow the number."""
    assert more_runs(study_of(frame(SCORES))) == ""
    many = frame({"buckets=10": [-float(n) for n in range(2001)]})
    assert more_runs(study_of(many)) == "The first 2,000 of 2,001 runs; runs.csv lists all."
    assert (counted(1, "run"), counted(1200, "run")) == ("1 run", "1,200 runs")
