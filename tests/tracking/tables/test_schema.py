from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.store.db.utils import _get_latest_schema_revision

from qsweep.commands.doctor.examination import examine
from qsweep.commands.train import launch
from qsweep.errors import UsageError
from qsweep.report.terminal import wide_console
from qsweep.runs.sweep.multirun import check_requirements
from qsweep.tracking import tracker
from qsweep.tracking.client.mlflow_tracker import MlflowTracker
from qsweep.tracking.run_search import every_run
from qsweep.tracking.store import open_store
from qsweep.tracking.tables import schema
from qsweep.tracking.tracker import RunRecord

OLDER, NEWER = "cc1f77228345", "ffffffffffff"
"""A version that MLflow 2 and 3 can upgrade, and an unknown one."""


def versions(database: Path, *given: str) -> bytes:
    """Set the schema versions of a store and return the file's bytes."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("DELETE FROM alembic_version")
        connection.executemany("INSERT INTO alembic_version VALUES (?)", [(name,) for name in given])
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return database.read_bytes()


def test_the_installed_version(workdir: Path) -> None:
    """The version read from MLflow's migrations is MLflow's own, and its tables can be used."""
    newest, all_of_them = schema.installed()
    assert newest == _get_latest_schema_revision()
    assert open_store(f"sqlite:///{workdir}/mlruns/mlflow.db").tables is not None
    assert {OLDER, newest} < all_of_them
    assert NEWER not in all_of_them


REFUSED = {
    "older": ((OLDER,), rf"older MLflow.*version {OLDER}.*mlflow db upgrade sqlite:///.*qsweep doctor --fix"),
    "newer": ((NEWER,), rf"newer MLflow.*version {NEWER}.*install a newer MLflow"),
    "none": ((), r"no schema version, or several \(version none\).*restore it from a backup"),
    "half-migrated": ((OLDER, NEWER), rf"or several.*{OLDER}, {NEWER}.*restore it from a backup"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_another_version_is_refused(workdir: Path, case: str) -> None:
    """A store of another version is refused in one line, with a remedy, and its file is unchanged."""
    database = workdir / "mlruns" / "mlflow.db"
    given, said = REFUSED[case]
    before = versions(database, *given)
    for uri in ("local", f"sqlite:///{database}"):
        with pytest.raises(UsageError) as refused:
            open_store(uri)
        assert re.fullmatch(rf"tracking\.uri: .*{said}.*", str(refused.value))
    assert database.read_bytes() == before


def test_tables_of_another_shape(workdir: Path) -> None:
    """If MLflow's tables are not as they are known, runs are recorded through MLflow."""
    database = workdir / "mlruns" / "mlflow.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TRIGGER seen AFTER INSERT ON tags BEGIN SELECT 1; END")
    store = open_store("local")
    assert (store.tables, store.differs) == (None, "in table tags, there are triggers")
    recording = tracker(store)
    assert isinstance(recording, MlflowTracker)
    run = recording.open(RunRecord("walk", "My lakes"))
    run.close("FINISHED", {"a": 1.0}, {})
    found = MlflowClient(f"sqlite:///{database}").get_run(run.run_id)
    assert (found.info.status, found.data.metrics) == ("FINISHED", {"a": 1.0})
    assert type(store.client._tracking_client.store).__name__ == "SqlAlchemyStore"


def test_a_command_says_once_that_recording_is_slow(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`train`, with one run or several, and `doctor` name the difference once; the run is recorded."""
    with closing(sqlite3.connect(workdir / "mlruns" / "mlflow.db")) as connection:
        connection.execute("CREATE TRIGGER seen AFTER INSERT ON tags BEGIN SELECT 1; END")
    said = (
        "MLflow's tables are not as qsweep knows them: in table tags, there are triggers; runs are recorded"
    )
    run = ("env.id=Blackjack-v1", "engine=gymnasium", "episodes=4", "evaluation.test_episodes=4")
    assert launch([*run, "registry.promote=never"]) == 0
    assert capsys.readouterr().err.count(said) == 1
    store = check_requirements("local", "joblib")
    assert capsys.readouterr().err.count(said) == 1
    assert store is not None
    assert [found.status for found in every_run(store).values()] == ["FINISHED"]
    examine().show(wide_console())
    assert " ".join(capsys.readouterr().out.split()).count(said) == 1
