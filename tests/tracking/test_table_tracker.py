from __future__ import annotations

import errno
import math
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mlflow import MlflowClient

from qsweep.errors import UsageError
from qsweep.system.liveness import HEARTBEAT, announce
from qsweep.tracking import run_files, table_tracker
from qsweep.tracking.client.mlflow_tracker import MlflowTracker
from qsweep.tracking.curves import Points
from qsweep.tracking.run_search import kill_abandoned
from qsweep.tracking.store import Store, database_of, open_store
from qsweep.tracking.table_tracker import TableTracker
from qsweep.tracking.tables.curve_rows import Curve
from qsweep.tracking.tables.database import DatabaseError
from qsweep.tracking.tables.run_tables import RunChanges, Unwritable
from qsweep.tracking.tracker import RunRecord
from tests.support.stores import RECORD, SUMMARY, Side, Sides, points, record, timeless


def ours(side: Side) -> TableTracker:
    """Return qsweep's tracker for the store of a side."""
    store = open_store(side.uri, create=False)
    assert store.tables is not None
    return TableTracker(store, store.tables)


def stock(side: Side, artifacts: Path | None) -> MlflowTracker:
    """Return a tracker that records through MLflow's own client and store."""
    return MlflowTracker(Store(side.uri, artifacts))


@pytest.mark.slow
def test_a_run_has_the_rows_that_mlflow_writes(sides: Sides) -> None:
    """A run's rows equal those that MLflow's own client writes, except times and ids."""
    runs = (
        ours(sides.ours).open(RECORD),
        stock(sides.stock, open_store(sides.ours.uri).artifacts).open(RECORD),
    )
    begun = [
        timeless(run.run_id, side.ask) for run, side in zip(runs, (sides.ours, sides.stock), strict=True)
    ]
    assert begun[0] == begun[1]
    assert (begun[0]["runs"][0][5], dict(begun[0]["params"])["buckets"]) == ("RUNNING", "20")
    for run in runs:
        record(run)
    ended = [
        timeless(run.run_id, side.ask) for run, side in zip(runs, (sides.ours, sides.stock), strict=True)
    ]
    assert ended[0] == ended[1]
    assert ended[0]["runs"][0][5] == "FINISHED"
    assert len(ended[0]["metrics"]) == 6 + 4 + 1 + 3
    [experiment, expected] = [
        side.ask(
            "SELECT name, artifact_location, lifecycle_stage FROM experiments WHERE name = 'My lakes'", ()
        )
        for side in (sides.ours, sides.stock)
    ]
    assert experiment == expected


floats = st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1.5]) | st.floats(width=64)
parts = st.lists(arrays(np.float64, st.integers(1, 300), elements=floats), min_size=1, max_size=3)


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(parts=parts)
def test_any_curve(sides: Sides, parts: list[np.ndarray[Any, Any]]) -> None:
    """Every value is stored bit for bit, NaN and infinities as MLflow does, in any parts."""
    run = ours(sides.ours).open(RECORD)
    first = 0
    for values in parts:
        run.log(Points(np.arange(first, first + len(values)), {"a": values}))
        first += len(values)
    run.close("FINISHED", {}, {})
    history = MlflowClient(sides.ours.uri).get_metric_history(run.run_id, "a")
    found = np.array([metric.value for metric in sorted(history, key=lambda metric: metric.step)])
    largest = np.finfo(np.float64).max
    expected = np.clip(np.concatenate(parts), -largest, largest)
    np.testing.assert_array_equal(found, expected)
    assert repr(sides.ours.client.get_run(run.run_id).data.metrics["a"]) == repr(found[-1].item())


def test_points_are_written_during_training(sides: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    """Points are written once there are many, and after some seconds."""
    run = ours(sides.ours).open(RECORD)
    monkeypatch.setattr(table_tracker, "FLUSH_POINTS", 6)
    run.log(points(0, {"a": [1.0, 2.0, 3.0]}))
    assert sides.ours.left(run.run_id)["metrics"] == []
    run.log(points(3, {"a": [4.0, 5.0, 6.0]}))
    assert len(sides.ours.left(run.run_id)["metrics"]) == 6
    monkeypatch.setattr(table_tracker, "FLUSH_SECONDS", -1.0)
    run.log(points(6, {"a": [7.0]}))
    assert sides.ours.left(run.run_id)["latest_metrics"][0][1] == 7.0
    run.close("KILLED", {}, {})
    assert sides.ours.left(run.run_id)["runs"][0][5] == "KILLED"


@pytest.mark.slow
def test_a_long_flush_loses_nothing(sides: Sides) -> None:
    """More points than fit a statement or transaction are all stored, once each."""
    run = ours(sides.ours).open(RECORD)
    values = np.random.default_rng(0).normal(size=25_003)
    for _ in range(2):  # a part that comes twice
        run.log(Points(np.arange(25_003) * 10**12, {"a": values, "b": -values}))
    run.close("FINISHED", {}, {})
    found = sides.ours.ask(
        "SELECT count(*), count(DISTINCT step), sum(value) FROM"
        " (SELECT DISTINCT key, step, value FROM metrics WHERE run_uuid = ?) AS found WHERE key = 'a'",
        (run.run_id,),
    )
    assert found[0][:2] == (25_003, 25_003)
    assert found[0][2] == pytest.approx(values.sum())


@pytest.mark.slow
def test_abandoned_runs_are_killed(sides: Sides) -> None:
    """Exactly a parent's RUNNING runs without a living process are marked KILLED."""
    tracker = ours(sides.ours)
    parent = tracker.open(RECORD)
    nested = [tracker.open(RunRecord(name, "My lakes", parent=parent.run_id)) for name in "abc"]
    alive = tracker.open(RunRecord("alive", "My lakes", {}, announce().tags, parent.run_id))
    other = tracker.open(RunRecord("other", "My lakes", parent="another"))
    nested[0].close("FINISHED", {}, {})
    sides.ours.client.delete_run(nested[1].run_id)
    kill_abandoned(open_store(sides.ours.uri), parent.run_id)
    states = [sides.ours.left(run.run_id)["runs"][0][5] for run in (*nested, alive, other, parent)]
    assert states == ["FINISHED", "RUNNING", "KILLED", "RUNNING", "RUNNING", "RUNNING"]
    assert sides.ours.left(nested[2].run_id)["runs"][0][7] > 0


@pytest.mark.slow
def test_a_resumed_run(sides: Sides) -> None:
    """A resumed run is RUNNING, keeps its params and has each point once, as through MLflow."""
    left = []
    for tracker, side in ((ours(sides.ours), sides.ours), (stock(sides.stock, None), sides.stock)):
        run = tracker.open(RunRecord("walk", "again", {"buckets": "20"}, {"try": "1"}))
        run.log(points(0, {"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0]}))
        run.close("KILLED", {}, {})
        again = tracker.reopen(run.run_id, RunRecord("walk", "again", {}, {"try": "2"}))
        assert side.left(run.run_id)["runs"][0][5] == "RUNNING"
        again.log(points(1, {"a": [-1.0, -1.0, 7.0], "b": [-1.0, -1.0, 8.0], "c": [9.0, 9.5, 10.0]}))
        again.close("FINISHED", {}, {})
        found = timeless(run.run_id, side.ask)
        tags = [(key, "" if key == HEARTBEAT else value) for key, value in found["tags"]]  # seconds differ
        left.append({**found, "tags": tags, "runs": [row[:-2] for row in found["runs"]]})  # without where
    assert left[0] == left[1]
    assert [row[1:3] for row in left[0]["metrics"] if row[0] == "a"] == [
        (1.0, 0),
        (2.0, 1),
        (3.0, 2),
        (7.0, 3),
    ]
    assert dict(left[0]["tags"])["try"] == "2"


@pytest.mark.slow
def test_a_run_deleted_while_it_trains(sides: Sides) -> None:
    """Writing points to a deleted run raises an error."""
    run = ours(sides.ours).open(RECORD)
    sides.ours.client.delete_run(run.run_id)
    run.log(points(0, {"a": [1.0]}))
    with pytest.raises(Unwritable):
        run.close("FINISHED", {}, {})
    assert sides.ours.left(run.run_id)["metrics"] == []


def test_a_name_that_mlflow_must_validate(sides: Sides) -> None:
    """A param that MLflow refuses raises its error, and the new run is not left RUNNING."""
    with pytest.raises(Exception, match="Invalid value"):
        ours(sides.ours).open(RunRecord("odd", "Odd", {"a*b": "1"}))
    assert sides.ours.ask("SELECT status FROM runs WHERE name = 'odd'", ()) == [("FAILED",)]


def test_an_existing_experiment_keeps_its_location(sides: Sides, tmp_path: Path) -> None:
    """Artifacts are stored in the existing experiment's artifact location, if it is in the store's folder."""
    database = database_of(sides.ours.uri)
    home = database.parent if database else tmp_path
    place = f"file://{home}/my%20place"
    for side in (sides.ours, sides.stock):
        side.client.create_experiment("placed", place)
    runs = (
        ours(sides.ours).open(RunRecord("r", "placed")),
        stock(sides.stock, None).open(RunRecord("r", "placed")),
    )
    uris = [
        side.client.get_run(run.run_id).info.artifact_uri
        for run, side in zip(runs, (sides.ours, sides.stock), strict=True)
    ]
    assert re.sub(r"\w{32}", "*", uris[0]) == re.sub(r"\w{32}", "*", uris[1]) == f"{place}/*/artifacts"
    (tmp_path / "note.txt").write_text("kept")
    runs[0].keep(tmp_path / "note.txt", "notes")
    runs[0].close("FINISHED", {}, {})
    assert [file.read_text() for file in home.rglob("my place/*/artifacts/notes/note.txt")] == ["kept"]


@pytest.mark.usefixtures("workdir")
def test_artifacts_are_complete_or_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An artifact appears under its name once it is complete; a failed copy leaves nothing."""
    store = open_store("local")
    assert store.tables is not None
    run = TableTracker(store, store.tables).open(RECORD)
    (tmp_path / "table.npy").write_bytes(b"values")
    run.keep(tmp_path / "table.npy")
    run.keep(tmp_path / "table.npy", "a/b")
    with pytest.raises(FileNotFoundError):
        run.keep(tmp_path / "missing")

    def refused(*_: object) -> None:
        raise OSError(errno.EXDEV, "another disk")

    def interrupted(_: Path, target: Path) -> None:
        target.write_bytes(b"val")
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "hardlink_to", refused)
    run.keep(tmp_path / "table.npy", "copied")
    monkeypatch.setattr(run_files.shutil, "copy2", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.keep(tmp_path / "table.npy", "c")
    folder = tmp_path / "mlruns" / "artifacts" / "My lakes" / run.run_id / "artifacts"
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert files == dict.fromkeys(("table.npy", "a/b/table.npy", "copied/table.npy"), b"values")
    listed = sorted(info.path for info in store.client.list_artifacts(run.run_id))
    assert listed == ["a", "c", "copied", "table.npy"]


def test_a_run_that_cannot_be_written_fails(workdir: Path) -> None:
    """A run whose results could not be stored ends FAILED, without any of them."""
    store = open_store("local")
    assert store.tables is not None
    run = TableTracker(store, store.tables).open(RECORD)
    with closing(sqlite3.connect(workdir / "mlruns" / "mlflow.db")) as database:
        database.execute("ALTER TABLE tags RENAME TO elsewhere")
        with pytest.raises(DatabaseError, match="no such table: tags"):
            run.close("FINISHED", SUMMARY, {"a": "b"})
        database.execute("ALTER TABLE elsewhere RENAME TO tags")
    found = store.client.get_run(run.run_id)
    assert (found.info.status, found.data.metrics) == ("FAILED", {})


def test_points_that_fail_undo_their_transaction(sides: Sides) -> None:
    """Changes with one invalid row store no row, not even those before it."""
    run = ours(sides.ours).open(RECORD)
    tables = open_store(sides.ours.uri).tables
    assert tables is not None
    steps = [*range(400), None]
    bad = Curve("a", False, [7] * 401, steps, [0.5] * 401)  # type: ignore[arg-type]
    with pytest.raises(DatabaseError):
        tables.add(run.run_id, RunChanges([bad]))
    assert sides.ours.left(run.run_id)["metrics"] == []


@pytest.mark.usefixtures("workdir")
def test_two_transactions_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of 10,000 points takes two transactions, at its start and end, and no call to MLflow."""
    statements: list[str] = []
    connect = sqlite3.connect

    def traced(*where: Any, **how: Any) -> sqlite3.Connection:
        connection = connect(*where, **how)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", traced)
    store = open_store("local")
    assert store.tables is not None
    recording = TableTracker(store, store.tables)
    recording.open(RECORD).close("FINISHED", {}, {})  # makes the experiment
    statements.clear()
    run = recording.open(RECORD)
    run.log(points(0, {key: [0.5] * 2500 for key in "abcd"}))
    run.close("FINISHED", SUMMARY, {})
    kinds = [statement.split()[0] for statement in statements]
    assert (kinds.count("BEGIN"), kinds.count("COMMIT")) == (2, 2)
    assert len([word for word in statements if "INTO metrics" in word]) == 4 * 10 + len(SUMMARY)
    assert "client" not in vars(store)


def test_a_store_that_takes_no_run(workdir: Path) -> None:
    """A run that cannot be created is refused in one line, before training."""
    store = open_store("local")
    assert store.tables is not None
    with closing(sqlite3.connect(workdir / "mlruns" / "mlflow.db")) as database:
        database.execute("ALTER TABLE experiments RENAME TO elsewhere")
    with pytest.raises(
        UsageError, match=r"tracking\.uri: the store did not accept the run.*no such table"
    ) as refused:
        TableTracker(store, store.tables).open(RECORD)
    assert "\n" not in str(refused.value)
