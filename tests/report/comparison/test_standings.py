from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import qsweep
from qsweep.errors import UsageError
from qsweep.report.comparison.standings import AGAINST, COLUMNS, load_variants, standings
from qsweep.report.comparison.studies import Study, studies
from qsweep.report.loading.curves import Histories
from qsweep.tracking.store import open_store
from tests.support.recorded import SCORE, frame, sweep

SCORES = {"buckets=10": [-150.0, -140.0], "buckets=20": [-130.0, -120.0]}


def study_of(baseline: str | None = None, **more: object) -> Study:
    [study] = studies(frame(SCORES, **more), SCORE, baseline, np.random.default_rng(0))
    return study


def test_a_row_by_hand() -> None:
    """The leader's row, from two seeds: location, spread, ends, and the run to pull."""
    study = study_of(**{"optimum/return": -97.66})
    first = standings(study, {}).iloc[0]
    expected = {
        "rank": 1,
        "label": "buckets=20",
        "environment": "MountainCar-v0",
        "seeds": 2,
        "mean": -125.0,
        "iqm": -125.0,
        "worst": -130.0,
        "best": -120.0,
        "optimum": -97.66,
        "solved_at": -110.0,
        "train_return": -190.0,
        "train_seconds": 0.5,
        "command": "qsweep train buckets=20 seed=1",
        "buckets": 20,
    }
    assert {key: first[key] for key in expected} == expected
    assert first["sd"] == pytest.approx(math.sqrt(50))
    assert (first["mean_low"], first["mean_high"]) == (-130.0, -120.0)
    assert first["best_run"] == study.of("buckets=20")["run_id"].iloc[1]
    assert first[["leader_p_better", "told_apart", "more_seeds", "fresh_mean", "area"]].isna().all()


def test_the_columns() -> None:
    """The documented columns, then the swept keys; a baseline adds its own."""
    assert list(standings(study_of(), {})) == [*COLUMNS, "buckets"]
    assert list(standings(study_of("buckets=10"), {})) == [*COLUMNS, *AGAINST, "buckets"]


def test_behind_the_leader() -> None:
    """The leader is better in all pairs; two seeds are too few for significance."""
    second = standings(study_of(), {}).iloc[1]
    assert (second["leader_p_better"], second["told_apart"]) == (1.0, False)
    assert second["leader_p_value"] == pytest.approx(2 / 6)  # of the six ways to choose two of four, two
    assert second["more_seeds"] > 0


def test_against_a_baseline() -> None:
    """The probability is that of the variant, not of the baseline."""
    rows = standings(study_of("buckets=10"), {}).set_index("label")
    assert rows.loc["buckets=20", "baseline_p_better"] == 1.0
    assert math.isnan(rows.loc["buckets=10", "baseline_p_better"])


def curves(study: Study) -> Histories:
    """Return validation scores that reach -110 after 50 episodes for seed 0, never for seed 1."""
    x = np.array([49.0, 99.0])
    found = {}
    for run in study.counted.to_dict("records"):
        reached = np.array([-109.0, -100.0]) if run["seed"] == 0 else np.array([-150.0, -150.0])
        found["eval/return_mean", run["run_id"]] = (x, reached)
        found["train/return_avg", run["run_id"]] = (x, np.array([-200.0, -100.0]))
    return found


def test_episodes_to_the_solved_line() -> None:
    """A run that never solves it counts: half of the runs do after 50 episodes."""
    study = study_of()
    row = standings(study, curves(study)).iloc[0]
    assert (row["solved_runs"], row["solved_episodes"], row["area"]) == (1, 50.0, -150.0)


def test_without_a_score() -> None:
    """Variants without a score have no row."""
    [study] = studies(frame(SCORES, status="FAILED"), SCORE, None, np.random.default_rng(0))
    assert len(standings(study, {})) == 0


def test_from_a_store(workdir: Path) -> None:
    """`load_variants` finds a sweep by its name."""
    store = open_store(f"sqlite:///{workdir}/mlruns/mlflow.db")
    sweep(store, "s", {10: [-150.0, -140.0], 20: [-130.0, -120.0]})
    sweep(store, "s-confirm", {20: [-128.0]}, first=2)
    found = load_variants("s", store.uri)
    assert found["label"].tolist() == ["buckets=20", "buckets=10"]
    assert found["fresh_mean"].tolist() == pytest.approx([-128.0, math.nan], nan_ok=True)
    assert found["seeds"].tolist() == [3, 2]
    # -200 to -155, less the seed: 0, 1 and 2 of the one, 0 and 1 of the other
    assert found["area"].tolist() == pytest.approx([-178.5, -178.0])
    with pytest.raises(UsageError, match="must be a metric of the runs"):
        load_variants("s", store.uri, "test/nonsense")


def test_it_is_part_of_the_package() -> None:
    """The function is public as qsweep.load_variants."""
    assert qsweep.load_variants is load_variants
