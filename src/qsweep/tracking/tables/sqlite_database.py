"""MLflow's tables in an SQLite file."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock

from qsweep.system.atomic_files import sync_folder
from qsweep.tracking.tables.curve_rows import COLUMNS, Curve
from qsweep.tracking.tables.database import DatabaseError, PerThread, Transaction
from qsweep.tracking.tables.shape import Table, described
from qsweep.tracking.tables.sqlite_file import sqlite_file
from qsweep.tracking.tables.sqlite_schema import QUERIES

T = TypeVar("T")

BUSY_SECONDS = 300.0
"""Time to wait for other writers; each locks the file for some hundredths of a second."""
ROWS = (250, 16, 1)
"""Rows per INSERT statement, tried in this order: starting a statement costs as much as several rows."""
PAGE_BYTES = 2**14
"""Page size of new stores: with SQLite's default, 4 KiB, inserting points takes a fourth longer."""
WAL_CHECKPOINT_BYTES, MAX_WAL_BYTES = 2**25, 2**27
"""Write-ahead log sizes at which it is checkpointed in the background, and by the writer itself."""
ROW_BYTES, TRANSACTION_BYTES = 260, 2**18
"""Approximate bytes that a point, and a small transaction with all its pages, add to the log."""


class SqliteDatabase:
    """MLflow's tables in an SQLite file; safe to use from many threads and processes at once."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.opened = sqlite_file(file)
        self._inode = _inode(file)
        self._connections = PerThread()
        self._checkpointing = threading.Lock()
        self._wal_bytes = 0

    def _connect(self) -> sqlite3.Connection:
        where = self.opened.address
        connection = sqlite3.connect(where, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        [(journal,)] = connection.execute("PRAGMA journal_mode")
        if journal == "wal" and self.opened.writable:
            # A killed process loses nothing; a power cut may lose the last transactions, but no part of one.
            connection.execute("PRAGMA synchronous = NORMAL")
            [(page,)] = connection.execute("PRAGMA page_size")
            connection.execute(f"PRAGMA wal_autocheckpoint = {MAX_WAL_BYTES // page}")
        weakref.finalize(self, _close, connection, os.getpid())
        return connection

    def read(self, query: str, given: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        try:
            connection: sqlite3.Connection = self._connections.get(self._connect)
            try:
                return connection.execute(query, given).fetchall()
            except sqlite3.OperationalError as error:
                if "decode" not in str(error):
                    raise
                connection.text_factory = lambda text: text.decode(errors="replace")  # another program's text
                return connection.execute(query, given).fetchall()
        except sqlite3.Error as error:
            raise DatabaseError(f"{self._file}: {error}") from error

    def tables(self, names: Iterable[str]) -> dict[str, Table]:
        """Return those of the named tables that exist."""
        given = (json.dumps([*names]),)
        return described(*(self.read(query, given) for query in QUERIES))

    def write(self, change: Callable[[Transaction], T]) -> T:
        """Call `change` in an exclusive write transaction."""
        try:
            if _inode(self._file) != self._inode:  # what is written to an open file without a name is lost
                raise sqlite3.OperationalError("it was moved, deleted or replaced while it was in use")
            connection: sqlite3.Connection = self._connections.get(self._connect)
            # A deferred transaction that reads, then writes, fails at once if another has written in between.
            connection.execute("BEGIN IMMEDIATE")
            before = connection.total_changes
            try:
                result = change(_Transaction(connection))
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            self._count(TRANSACTION_BYTES + ROW_BYTES * (connection.total_changes - before))
        except sqlite3.Error as error:
            raise DatabaseError(f"{self._file}: {error}") from error
        except OverflowError as error:  # a number of more than 64 bits, which is no sqlite3.Error
            raise DatabaseError(f"{self._file}: {error}") from sqlite3.DataError(str(error))
        return result

    def _count(self, size: int) -> None:
        """Count bytes written to the log, and checkpoint it in a thread after WAL_CHECKPOINT_BYTES."""
        self._wal_bytes += size
        if self._wal_bytes < WAL_CHECKPOINT_BYTES or not self._checkpointing.acquire(blocking=False):
            return
        self._wal_bytes = 0
        try:
            threading.Thread(target=self._checkpoint, daemon=True).start()
        except RuntimeError:  # too many threads; the data is committed, and a later call checkpoints it
            self._checkpointing.release()

    def _checkpoint(self) -> None:
        try:
            with suppress(sqlite3.Error), closing(self._connect()) as connection:  # a later one may succeed
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        finally:
            self._checkpointing.release()


def _close(connection: sqlite3.Connection, process: int) -> None:
    """Close a connection at the end of the process that opened it; the last one removes the log's file."""
    if os.getpid() == process:
        with suppress(sqlite3.Error):  # of another thread, which may still use it
            connection.close()


def _inode(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def holds_anything(file: Path) -> bool:
    """Return whether a database exists; SQLite creates an empty file on a mere connection."""
    return file.exists() and file.stat().st_size > 0


def beside(file: Path) -> Path:
    """Return where a database is made before it replaces `file`; no store of a user's has that name."""
    return file.with_name(f".{file.name}.qsweep-new")


def unlink_database(file: Path) -> None:
    """Delete a database and the files that SQLite keeps with it."""
    for ending in ("", "-wal", "-shm", "-journal"):
        file.with_name(f"{file.name}{ending}").unlink(missing_ok=True)


def create_once(file: Path, make_tables: Callable[[Path], None]) -> None:
    """Create a database if it does not exist, complete or not at all, and in one process: the others wait.

    make_tables: creates the tables in a new file, which then replaces `file`.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    if holds_anything(file):
        return
    with FileLock(file.with_suffix(".lock")):
        if holds_anything(file):
            return
        new = beside(file)
        unlink_database(new)
        make_tables(new)
        with closing(sqlite3.connect(new)) as connection:
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            connection.execute("VACUUM")  # applies the page size
            # With WAL, readers (the UI) and writers do not block one another.
            connection.execute("PRAGMA journal_mode=WAL")
        with new.open("rb") as written:
            os.fsync(written.fileno())
        new.replace(file)
        sync_folder(file.parent)


class _Transaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, statement: str, given: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement, given).fetchall()

    def run(self, statement: str, given: Iterable[Sequence[Any]]) -> None:
        self._connection.executemany(statement, given)

    def add_points(self, run_id: str, curves: Iterable[Curve]) -> None:
        for curve in curves:
            same, flat = (run_id, curve.key, curve.is_nan), _flat(curve)
            first = 0
            for rows in ROWS:
                width = 3 * rows
                after = first + (len(flat) - first) // width * width
                if after > first:
                    starts = range(first, after, width)
                    self.run(_insert(rows), ((*same, *flat[at : at + width]) for at in starts))
                first = after


def _flat(curve: Curve) -> list[Any]:
    """Return value, timestamp and step of every point in one list."""
    flat: list[Any] = [None] * (3 * len(curve.steps))
    flat[::3], flat[1::3], flat[2::3] = curve.values, curve.timestamps, curve.steps
    return flat


@lru_cache
def _insert(rows: int) -> str:
    """Return a statement that adds points. Parameters: run, key, is_nan, then value, timestamp, step of each.

    OR FAIL spares SQLite a copy of every page for undoing the statement: an error rolls the complete
    transaction back anyway.
    """
    row = "(?2, ?{value}, ?{timestamp}, ?{step}, ?3, ?1)"
    numbers = ({"value": at, "timestamp": at + 1, "step": at + 2} for at in range(4, 4 + 3 * rows, 3))
    points = ", ".join(row.format(**places) for places in numbers)
    into = f"INSERT OR FAIL INTO metrics ({', '.join(COLUMNS)})"
    return f"{into} VALUES {points} ON CONFLICT DO NOTHING"
