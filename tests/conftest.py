"""What every test starts from: an empty folder, no settings of the user's, and the real command."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from qsweep.system.garbage import collect_less_often
from tests.support.commands import run_command
from tests.support.left_behind import nothing_left_behind
from tests.support.postgresql import PostgreSQL, postgresql

if TYPE_CHECKING:
    from tests.support.stores import Sides

__all__ = ["postgresql"]


def pytest_xdist_auto_num_workers() -> int:
    """Return three workers for two cores: a third of the time tests wait for servers and processes."""
    cores = os.cpu_count() or 1
    return cores + cores // 2


def pytest_collection_finish() -> None:
    """Let the garbage collector leave out the modules of all tests, and look less often."""
    gc.freeze()
    collect_less_often()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts the real command, or a database server, for `make test-fast` to leave out."""
    for item in items:
        if {"qsweep", "postgresql"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.integration)


def copy_store(migrated: Path, database: Path) -> None:
    """Copy an empty store, whose only experiment then has its files beside the copy."""
    shutil.copy(migrated, database)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "UPDATE experiments SET artifact_location = ?", (f"{database.parent}/artifacts/0",)
        )


@pytest.fixture(autouse=True)
def _own_process() -> Iterator[None]:
    with nothing_left_behind():
        yield


@pytest.fixture(scope="session")
def migrated_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow store; making one takes seconds, so it is made once and copied."""
    from qsweep.tracking.store import local_database, open_store

    folder = tmp_path_factory.mktemp("store")
    open_store(f"sqlite:///{local_database(folder)}")
    return local_database(folder)


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: PostgreSQL) -> Iterator[str]:
    """The name of a database with an empty MLflow store; user and password are in the environment."""
    from qsweep.tracking.store import open_store

    with pytest.MonkeyPatch.context() as patch:
        for name, value in postgresql.environment.items():
            patch.setenv(name, value)
        database = postgresql.create_database()
        open_store(postgresql.uri(database))
        postgresql.cut_off(database)
        yield database


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def sides(request: pytest.FixtureRequest) -> Sides:
    """MLflow's own store and ours, on equal and empty databases."""
    from tests.support.stores import postgresql_sides, sqlite_sides  # MLflow is slow to import

    if request.param == "sqlite":
        folder = request.getfixturevalue("tmp_path_factory").mktemp("sides")
        return sqlite_sides(request.getfixturevalue("migrated_store"), folder)
    migrated = request.getfixturevalue("migrated_postgresql")
    return postgresql_sides(request.getfixturevalue("postgresql"), migrated)


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_store: Path) -> Path:
    """The current folder, empty but for an empty store."""
    database = tmp_path / "mlruns" / "mlflow.db"
    database.parent.mkdir()
    copy_store(migrated_store, database)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def qsweep(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the real command in `tmp_path`; returns its exit code and what it printed."""

    def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return run_command(arguments, tmp_path, {**os.environ, **settings})

    return run
