"""Rows that other programs write, or leave out: every column that is read, with values of every kind."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from qsweep.cli import main
from qsweep.system import notices
from qsweep.tracking.store import Store, open_store
from tests.conftest import copy_store
from tests.support import recorded

pytestmark = pytest.mark.slow

VALUES = (None, "text", b"\xff", 2**63 - 1, -5, 1.5, float("inf"), "", "\x1b[31m\n")
COLUMNS = {
    "experiments": ("name", "artifact_location", "lifecycle_stage", "creation_time", "workspace"),
    "runs": ("name", "status", "start_time", "end_time", "lifecycle_stage", "artifact_uri", "experiment_id"),
    "params": ("key", "value"),
    "tags": ("key", "value"),
    "latest_metrics": ("key", "value", "is_nan", "step"),
    "registered_models": ("name",),
    "registered_model_aliases": ("alias", "version"),
    "model_versions": ("run_id", "source", "storage_location", "current_stage", "status"),
    "model_version_tags": ("key", "value"),
}
CASES = [(table, column) for table, columns in COLUMNS.items() for column in columns]
COMMANDS = (("runs",), ("gc", "--dry-run", "--keep-best", "1"), ("doctor",), ("pull", "MountainCar-v0@best"))


@pytest.fixture(scope="module")
def filled(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a store with two runs, one of them behind a version with the alias best."""
    database = tmp_path_factory.mktemp("odd") / "mlruns" / "mlflow.db"
    database.parent.mkdir()
    copy_store(migrated_store, database)
    store: Store = open_store(f"sqlite:///{database}")
    runs = [recorded.record(store, {"buckets": buckets}, -150.0 - buckets) for buckets in (10, 20)]
    store.client.create_registered_model("MountainCar-v0")
    tags = {"qsweep.run_id": runs[0], "qsweep.checkpoint": "ep000100", "qsweep.judged": "true"}
    store.client.create_model_version("MountainCar-v0", str(database.parent / "nowhere"), runs[0], tags)
    store.client.set_registered_model_alias("MountainCar-v0", "best", "1")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return database


@pytest.mark.parametrize(("number", "case"), list(enumerate(CASES)))
def test_no_value_is_a_traceback(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, case: tuple[str, str]
) -> None:
    """Every command ends with a message at most, and the rows that are sound are used."""
    table, column = case
    monkeypatch.chdir(tmp_path)
    value = VALUES[number % len(VALUES)]  # every value meets some column
    database = tmp_path / "mlruns" / "mlflow.db"
    database.parent.mkdir()
    shutil.copy(filled, database)
    with closing(sqlite3.connect(database)) as connection, connection, suppress(sqlite3.IntegrityError):
        last = f"(SELECT max(rowid) FROM {table})"
        connection.execute(f"UPDATE OR IGNORE {table} SET {column} = ? WHERE rowid = {last}", (value,))
    for command in COMMANDS:
        monkeypatch.setattr(notices, "_given", set())
        ran = CliRunner().invoke(main, command)
        assert isinstance(ran.exception, SystemExit | None), (value, command, ran.exception)
        assert ran.exit_code in (0, 1, 2)
