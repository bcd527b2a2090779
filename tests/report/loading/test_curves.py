from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow.entities import Metric

import qsweep
from qsweep.plan.resolution import resolve
from qsweep.report.loading.curves import aligned, histories, load_curves
from qsweep.report.loading.runs import load_runs
from qsweep.runs.runner import run_record
from qsweep.tracking.client.mlflow_tracker import MlflowTracker
from qsweep.tracking.curves import Points
from qsweep.tracking.store import Store, open_store
from qsweep.tracking.tables import shape
from tests.support.recorded import record

AVERAGE = "train/return_avg"


@pytest.fixture
def store(workdir: Path) -> Store:
    """An empty store."""
    return open_store(f"sqlite:///{workdir}/mlruns/mlflow.db")


def logged(store: Store, episodes: np.ndarray, values: np.ndarray, metric: str = AVERAGE) -> str:
    """Record a run with one curve; return its id."""
    log = MlflowTracker(store).open(run_record(resolve({"episodes": 100}), "one", ""))
    log.log(Points(episodes, {metric: values}))
    log.close("FINISHED", {}, {})
    return log.run_id


def test_every_point_of_every_curve(store: Store) -> None:
    """A row is a point; rows are sorted by run and metric as requested, then by episode."""
    ids = [record(store, {"seed": seed}) for seed in (0, 1)]
    curves = load_curves(ids[::-1], ("eval/return_mean", AVERAGE), uri=store.uri)
    assert list(curves) == ["run_id", "metric", "episode", "value"]
    expected = [
        (run, metric, episode, value)
        for run, seed in ((ids[1], 1), (ids[0], 0))
        for metric, points in (
            ("eval/return_mean", [(49, -180.0), (99, -150.0 - seed)]),
            (AVERAGE, [(9 + 10 * n, -200.0 + 5 * n - seed) for n in range(10)]),
        )
        for episode, value in points
    ]
    assert list(curves.itertuples(index=False, name=None)) == expected


def test_a_frame_of_runs_will_do(store: Store) -> None:
    """Runs may be a frame of `load_runs`; an unknown metric gives no rows."""
    record(store, {"seed": 3})
    curves = load_curves(load_runs(uri=store.uri), ("train/epsilon", "nonsense"), uri=store.uri)
    assert curves["metric"].unique().tolist() == ["train/epsilon"]
    assert curves["value"].tolist() == pytest.approx(np.linspace(0.5, 0, 10))


@pytest.mark.parametrize(("points", "kept"), [(5, [19, 39, 59, 79, 99]), (4, [9, 39, 69, 99]), (1, [99])])
def test_thinning_keeps_the_last_point(store: Store, points: int, kept: list[int]) -> None:
    """Points are downsampled evenly, backwards from the last one."""
    run = record(store)
    curves = load_curves([run], (AVERAGE,), points, store.uri)
    assert curves["episode"].tolist() == kept
    assert curves["value"].tolist() == [-200.0 + (episode - 9) / 2 for episode in kept]


def test_no_thinning(store: Store) -> None:
    """With points=0, or fewer points than the limit, all are read."""
    run = logged(store, np.arange(1000), np.arange(1000.0))
    assert len(load_curves([run], (AVERAGE,), 0, store.uri)) == 1000
    assert len(load_curves([run], (AVERAGE,), 2000, store.uri)) == 1000
    assert len(load_curves([run], (AVERAGE,), uri=store.uri)) == 250


def test_uneven_points_are_not_lost(store: Store) -> None:
    """An unevenly spaced curve is downsampled by number of points, not by distance."""
    steps = np.array([0, 1, *np.arange(10, 20_000, 37)])
    run = logged(store, steps, steps.astype(float))
    kept = load_curves([run], (AVERAGE,), 100, store.uri)["episode"]
    assert 50 < len(kept) <= 100
    assert kept.iloc[-1] == steps[-1]
    assert set(kept) <= set(steps)


def test_values_that_are_no_numbers(store: Store) -> None:
    """NaN and infinities come back as they were logged."""
    values = np.array([1.0, math.nan, math.inf, -math.inf])
    run = logged(store, np.arange(4), values)
    assert load_curves([run], (AVERAGE,), uri=store.uri)["value"].tolist() == pytest.approx(
        values, nan_ok=True
    )


def test_a_step_that_was_logged_twice(store: Store) -> None:
    """Of a step logged twice, as by a resumed run, the later value counts."""
    run = store.client.create_run("0").info.run_id
    metrics = [Metric(AVERAGE, value, time, 5) for value, time in ((1.0, 10), (9.0, 30), (2.0, 20))]
    store.client.log_batch(run, metrics)
    curves = load_curves([run], (AVERAGE,), uri=store.uri)
    assert curves[["episode", "value"]].to_numpy().tolist() == [[5, 9.0]]


@pytest.mark.parametrize("points", [0, 3, 250])
def test_the_client_reads_the_same(store: Store, monkeypatch: pytest.MonkeyPatch, points: int) -> None:
    """MLflow's client gives the same frame as the tables."""
    ids = [record(store, {"seed": 1}), logged(store, np.arange(7), np.array([1, math.nan, 3, 4, 5, 6, 7.0]))]
    direct = load_curves(ids, uri=store.uri, points=points)
    monkeypatch.setattr(shape, "difference", lambda *_: "differs")
    pd.testing.assert_frame_equal(load_curves(ids, uri=store.uri, points=points), direct)
    assert len(direct)


def test_runs_that_are_not_there(store: Store) -> None:
    """No runs, or unknown ids, give an empty frame with the same columns."""
    for ids in ([], ["0" * 32]):
        curves = load_curves(ids, uri=store.uri)
        assert (len(curves), list(curves)) == (0, ["run_id", "metric", "episode", "value"])


def test_curves_one_by_one(store: Store) -> None:
    """Histories are single curves without non-finite points."""
    run = logged(store, np.arange(3), np.array([1.0, math.nan, 3.0]))
    found = histories(store, [run])
    assert list(found) == [(AVERAGE, run)]
    assert [part.tolist() for part in found[AVERAGE, run]] == [[0.0, 2.0], [1.0, 3.0]]


def test_curves_at_the_same_episodes() -> None:
    """Curves at the same episodes are stacked; runs without a curve are left out."""
    x, y = np.array([0.0, 10.0]), np.array([1.0, 2.0])
    found = {("m", "a"): (x, y), ("m", "b"): (x, y + 1)}
    episodes, values = aligned(found, "m", ["a", "b", "c"]) or (None, None)
    assert episodes is x
    assert values is not None
    assert values.tolist() == [[1.0, 2.0], [2.0, 3.0]]
    assert aligned(found, "m", ["c"]) is None


def test_curves_at_different_episodes() -> None:
    """Curves at other episodes are interpolated over their common range."""
    found = {
        ("m", "a"): (np.array([0.0, 10.0, 20.0]), np.array([0.0, 10.0, 20.0])),
        ("m", "b"): (np.array([10.0, 30.0]), np.array([100.0, 300.0])),
    }
    episodes, values = aligned(found, "m", ["a", "b"]) or (np.empty(0), np.empty(0))
    assert episodes.tolist() == [10.0, 15.0, 20.0]
    assert values.tolist() == [[10.0, 15.0, 20.0], [100.0, 150.0, 200.0]]


def test_it_is_part_of_the_package() -> None:
    """The function is public as qsweep.load_curves."""
    assert qsweep.load_curves is load_curves
