"""Rows that other programs write, or leave out: every column that is read, with values of every kind."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
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


DAMAGE: dict[str, Callable[[random.Random, bytearray, int], object]] = {
    "random bytes": lambda chance, page, _: page.__setitem__(slice(None), chance.randbytes(len(page))),
    "zeros": lambda _, page, __: page.__setitem__(slice(None), bytes(len(page))),
    "a header": lambda chance, page, _: page.__setitem__(chance.randrange(12), chance.randrange(256)),
    "flipped bits": lambda chance, page, n: [
        page.__setitem__(at, page[at] ^ 1 << chance.randrange(8)) for at in chance.choices(range(n), k=50)
    ],
}
"""What becomes of a page of the database."""


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("how", DAMAGE)
def test_damaged_pages_are_no_traceback(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, seed: int
) -> None:
    """Whatever pages of the database are damaged, every command ends with a message at most."""
    monkeypatch.chdir(tmp_path)
    chance, database = random.Random(f"{how} {seed}"), tmp_path / "mlruns" / "mlflow.db"
    content = bytearray(filled.read_bytes())
    size = int.from_bytes(content[16:18], "big")
    for first in chance.choices(range(0, len(content), size), k=2 + 8 * seed):
        page = content[first : first + size]
        DAMAGE[how](chance, page, size)
        content[first : first + size] = page
    database.parent.mkdir()
    database.write_bytes(content)
    for command in (*COMMANDS, ("doctor", "--fix")):
        monkeypatch.setattr(notices, "_given", set())
        ran = CliRunner().invoke(main, command)
        assert isinstance(ran.exception, SystemExit | None), (command, ran.exception)
        assert ran.exit_code in (0, 1, 2)


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


@pytest.mark.parametrize("value", VALUES[1:])
def test_a_schema_version_of_any_kind(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: object
) -> None:
    """A store whose version is no version is refused in one line."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(filled.parent, tmp_path / "mlruns")
    with closing(sqlite3.connect(tmp_path / "mlruns" / "mlflow.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (value,))
    for command in (("runs",), ("play", "MountainCar-v0@best", "--episodes", "1")):
        ran = CliRunner().invoke(main, command)
        assert (ran.exit_code, len(ran.stderr.splitlines())) == (2, 1), (ran.exception, ran.stderr)
        assert "version" in ran.stderr
