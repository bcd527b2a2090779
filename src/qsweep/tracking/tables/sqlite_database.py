"""MLflow's tables in an SQLite file."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from qsweep.tracking.tables.curve_rows import COLUMNS, Curve
from qsweep.tracking.tables.database import DatabaseError, PerThread, Transaction

T = TypeVar("T")

PATIENCE = 300.0
"""Seconds to wait for others that write; each holds the file for some hundredths of a second."""
ROWS = (250, 16, 1)
"""Rows in one statement: each costs as much to start as some rows do."""
PAGE_BYTES = 2**14
"""Of a page of a store that is made here: with SQLite's own, a fourth of it, points take a fourth longer."""
MOVED_BYTES, MOST_BYTES = 2**25, 2**27
"""Of SQLite's log of changes: after so many it is put away beside the work; above, whoever adds waits."""
ROW_BYTES, TRANSACTION_BYTES = 260, 2**18
"""About what a point adds to the log, and what a small transaction does, for all pages that it touches."""


class SqliteDatabase:
    """The tables of a file; safe to use by many threads and processes at once."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._connections = PerThread(self._connect)
        self._moving = threading.Lock()
        self._unmoved = 0

    def _connect(self) -> sqlite3.Connection:
        where = f"file:{quote(str(self._file))}?mode=rw"
        connection = sqlite3.connect(where, uri=True, timeout=PATIENCE, isolation_level=None)
        [(journal,)] = connection.execute("PRAGMA journal_mode")
        if journal == "wal":
            # A killed process loses nothing so; a power cut may take the last transactions, whole ones.
            connection.execute("PRAGMA synchronous = NORMAL")
            [(page,)] = connection.execute("PRAGMA page_size")
            connection.execute(f"PRAGMA wal_autocheckpoint = {MOST_BYTES // page}")
        return connection

    def read(self, query: str, given: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows that a query finds."""
        try:
            found: list[tuple[Any, ...]] = self._connections.get().execute(query, given).fetchall()
        except sqlite3.Error as error:
            raise DatabaseError(f"{self._file}: {error}") from error
        return found

    def write(self, change: Callable[[Transaction], T]) -> T:
        """Make a change in a transaction that nobody else writes in."""
        try:
            connection: sqlite3.Connection = self._connections.get()
            # A transaction that reads first and writes then would fail at once where another has written.
            connection.execute("BEGIN IMMEDIATE")
            before = connection.total_changes
            try:
                made = change(_Transaction(connection))
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            self._logged(TRANSACTION_BYTES + ROW_BYTES * (connection.total_changes - before))
        except sqlite3.Error as error:
            raise DatabaseError(f"{self._file}: {error}") from error
        return made

    def _logged(self, size: int) -> None:
        """Now and then have what was written moved from the log to the file; a thread waits for the disk."""
        self._unmoved += size
        if self._unmoved < MOVED_BYTES or not self._moving.acquire(blocking=False):
            return
        self._unmoved = 0
        try:
            threading.Thread(target=self._move, daemon=True).start()
        except RuntimeError:  # there are too many; what is written is written, and moved another time
            self._moving.release()

    def _move(self) -> None:
        try:
            with suppress(sqlite3.Error), closing(self._connect()) as connection:  # else another time
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        finally:
            self._moving.release()


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
    """Value, timestamp and step of every point."""
    flat: list[Any] = [None] * (3 * len(curve.steps))
    flat[::3], flat[1::3], flat[2::3] = curve.values, curve.timestamps, curve.steps
    return flat


@lru_cache
def _insert(rows: int) -> str:
    """A statement that adds points: run, key, is_nan, then values, timestamps and steps.

    OR FAIL: what fails undoes the whole transaction anyway, so that SQLite need not copy every page aside
    first to undo the one statement.
    """
    row = "(?2, ?{value}, ?{timestamp}, ?{step}, ?3, ?1)"
    numbers = ({"value": at, "timestamp": at + 1, "step": at + 2} for at in range(4, 4 + 3 * rows, 3))
    all_of_them = ", ".join(row.format(**places) for places in numbers)
    into = f"INSERT OR FAIL INTO metrics ({', '.join(COLUMNS)})"
    return f"{into} VALUES {all_of_them} ON CONFLICT DO NOTHING"
