from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from qsweep.tracking.tables import new_store, schema
from qsweep.tracking.tables.new_store import _template, make_store

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_store: Path) -> Path:
    """A store in the user's cache, as MLflow makes it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "cache" / "qsweep").mkdir(parents=True)
    return Path(shutil.copy(migrated_store, _template()))


def contents(database: Path) -> list[str]:
    """Return the tables, indices and rows of an empty store, without the time at which it was made."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE experiments SET creation_time = 0, last_update_time = 0")
        # Constraints and indices have no order: MLflow's migrations keep them in sets.
        return sorted(" ".join(sorted(re.findall(r"[^\s,()]+", line))) for line in connection.iterdump())


def made(folder: Path) -> Path:
    folder.mkdir()
    make_store(folder / "new.db", folder / "artifacts")
    return folder / "new.db"


def location(database: Path) -> str:
    with closing(sqlite3.connect(database)) as connection:
        [(found,)] = connection.execute("SELECT artifact_location FROM experiments")
    return str(found)


def test_new_stores_are_what_mlflow_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store of the package, and a copy, have their own places, and equal what MLflow makes there.

    If MLflow was updated: python -m tests.support.releases empty
    """
    schema.make_tables(f"sqlite:///{tmp_path}/other.db", tmp_path / "für #2" / "artifacts")
    shutil.copy(tmp_path / "other.db", _template())
    monkeypatch.setattr(schema, "make_tables", lambda *_: pytest.fail("MLflow made the tables"))
    for begin in (new_store._from_package, new_store._from_cache):
        shutil.rmtree(tmp_path / "für #2", ignore_errors=True)
        monkeypatch.setattr(new_store, "_from_package", begin)
        made_store = made(tmp_path / "für #2")
        assert contents(made_store) == contents(tmp_path / "other.db")
        assert location(made_store) == f"{tmp_path}/für #2/artifacts/0"


@pytest.fixture
def another_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store of the package is of another MLflow than the installed one."""
    script = new_store.EMPTY.read_text().replace(schema.installed()[0], "0123456789ab")
    (tmp_path / "another.sql").write_text(script)
    monkeypatch.setattr(new_store, "EMPTY", tmp_path / "another.sql")


@pytest.mark.usefixtures("another_mlflow")
@pytest.mark.parametrize("damage", ["missing", "cut", "empty", "another version"])
def test_a_damaged_cache(tmp_path: Path, cached: Path, damage: str) -> None:
    """A cached store that is missing, damaged or another MLflow's is made by MLflow, and then kept."""
    if damage == "missing":
        cached.unlink()
    elif damage == "another version":
        with closing(sqlite3.connect(cached)) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = 'older'")
    else:
        cached.write_bytes(cached.read_bytes()[: 100_000 if damage == "cut" else 0])
    new = made(tmp_path / "a")
    assert location(new) == f"{tmp_path}/a/artifacts/0"
    assert contents(new) == contents(cached)


@pytest.mark.usefixtures("another_mlflow")
def test_a_cache_that_cannot_be_used(tmp_path: Path) -> None:
    """Without a cache folder every store is made by MLflow."""
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "cache").write_text("a file where the folder belongs")
    assert location(made(tmp_path / "a")) == f"{tmp_path}/a/artifacts/0"
