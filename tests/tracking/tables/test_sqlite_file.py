from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from qsweep.errors import UsageError
from qsweep.tracking.store import open_store
from qsweep.tracking.tables import sqlite_file
from qsweep.tracking.tables.database import DatabaseError
from qsweep.tracking.tables.sqlite_database import SqliteDatabase
from qsweep.tracking.tables.sqlite_file import LONGEST_PATH

INSERT = "INSERT INTO runs VALUES (?)"


def database(folder: Path) -> Path:
    """A database as a killed process leaves it: one row in its file, one in its write-ahead log."""
    made = folder / "made.db"
    with closing(sqlite3.connect(made)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("CREATE TABLE runs (name)")
        writer.execute(INSERT, ("in the file",))
        writer.commit()
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        writer.execute(INSERT, ("in the log",))
        writer.commit()
        for end in ("", "-wal", "-shm"):
            shutil.copy(f"{made}{end}", folder / f"killed.db{end}")
    return folder / "killed.db"


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Calling it takes the right to write from the process, as permissions take it from a user."""

    def access(path: Path, mode: int) -> bool:
        return mode != os.W_OK and Path(path).exists()

    return lambda: monkeypatch.setattr(sqlite_file.os, "access", access)


@pytest.mark.parametrize("left", [(), ("-wal",), ("-wal", "-shm")])
def test_a_database_that_cannot_be_written_is_read(
    tmp_path: Path, read_only: Callable[[], None], left: tuple[str, ...]
) -> None:
    """All that is there is read, with or without a log and its index; nothing is written."""
    file = database(tmp_path)
    for end in {"-wal", "-shm"} - {*left}:
        Path(f"{file}{end}").unlink()
    before = file.read_bytes()
    read_only()
    opened = SqliteDatabase(file)
    names = [name for (name,) in opened.read("SELECT name FROM runs")]
    assert names == ["in the file", *(["in the log"] if left else [])]
    with pytest.raises(DatabaseError, match="readonly"):
        opened.write(lambda transaction: transaction.run(INSERT, [("new",)]))
    assert file.read_bytes() == before


def test_what_is_deleted_in_use_takes_no_more_writes(tmp_path: Path) -> None:
    """A database whose file was moved, deleted or replaced is not written: nobody would see it again."""
    file = database(tmp_path)
    opened = SqliteDatabase(file)
    opened.write(lambda transaction: transaction.run(INSERT, [("new",)]))
    file.rename(tmp_path / "moved.db")
    for _ in range(2):
        with pytest.raises(DatabaseError, match="moved, deleted or replaced"):
            opened.write(lambda transaction: transaction.run(INSERT, [("lost",)]))
        shutil.copy(tmp_path / "moved.db", file)


def test_text_that_is_no_utf8_is_read(tmp_path: Path) -> None:
    """Another program's text is shown with replacements, instead of making all rows unreadable."""
    file = database(tmp_path)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("INSERT INTO runs VALUES (CAST(x'61ff' AS TEXT))")
    assert ("a\N{REPLACEMENT CHARACTER}",) in SqliteDatabase(file).read("SELECT name FROM runs")


@pytest.mark.parametrize(
    ("uri", "rule"),
    [
        (f"sqlite:////tmp/{'d' * 200}/{'e' * 200}/{'f' * 100}/x.db", f"at most {LONGEST_PATH} bytes"),
        (f"sqlite:////tmp/{'山' * 200}/x.db", f"at most {LONGEST_PATH} bytes"),
        ("sqlite:///~/x.db", "~"),
        ("sqlite:////tmp/a%20b/x.db", "%XX"),
    ],
)
@pytest.mark.parametrize("create", [True, False])
def test_paths_that_sqlite_cannot_open(uri: str, rule: str, create: bool) -> None:
    """A path that is too long, or that is read otherwise than it is written, is refused at once."""
    with pytest.raises(UsageError, match=rule):
        open_store(uri, create)
