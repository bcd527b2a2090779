"""How an SQLite file is opened: for writing, or for reading only where it cannot be written."""

from __future__ import annotations

import atexit
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from qsweep.system.atomic_files import temporary_folder

LONGEST_PATH = 503
"""Bytes of the longest path of a database: SQLite opens 504, and one is made under a longer name first."""


@dataclass(frozen=True)
class SqliteFile:
    """A database file. path: the file that is opened. query: SQLite's URI parameters for it."""

    path: Path
    query: str = "mode=rw"

    @property
    def writable(self) -> bool:
        """True if the database itself is opened for writing."""
        return self.query == "mode=rw"

    @property
    def address(self) -> str:
        """The URI for sqlite3.connect."""
        return f"file:{quote(str(self.path))}?{self.query}"

    @property
    def mlflow_uri(self) -> str:
        """The URI for MLflow and SQLAlchemy."""
        return f"sqlite:///{self.path}" if self.writable else f"sqlite:///{self.address}&uri=true"


def sqlite_file(path: Path) -> SqliteFile:
    """Return how a database is opened: for writing if that is allowed, else for reading.

    A write-ahead log that was left on a disk that cannot be written holds the last transactions. SQLite reads
    it there if it can make its index; otherwise database and log are copied into a temporary folder.
    """
    wal, index = (path.with_name(f"{path.name}-{end}") for end in ("wal", "shm"))
    may_write = [os.access(place, os.W_OK) for place in (path, path.parent)]
    if not path.exists() or (may_write[0] and (may_write[1] or (wal.exists() and index.exists()))):
        return SqliteFile(path)
    if not wal.exists() or (wal.stat().st_size == 0 and not index.exists()):
        return SqliteFile(path, "mode=ro&immutable=1")
    plain = SqliteFile(path, "mode=ro")
    return plain if _opens(plain) else _copied(path, wal)


def _opens(file: SqliteFile) -> bool:
    try:
        with closing(sqlite3.connect(file.address, uri=True)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    except sqlite3.Error:
        return False
    return True


def _copied(path: Path, wal: Path) -> SqliteFile:
    folder = temporary_folder()
    atexit.register(folder.cleanup)
    copy = Path(folder.name) / path.name
    for original in (path, wal):
        shutil.copyfile(original, copy.with_name(original.name))
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=DELETE")
    return SqliteFile(copy, "mode=ro&immutable=1")
