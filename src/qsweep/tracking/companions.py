"""The other databases beside a store, which may name the same runs and files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from qsweep.tracking.store import Store
from qsweep.tracking.tables.sqlite_file import sqlite_file

HEADER = b"SQLite format 3\0"
PARTS = ("-wal", "-shm", "-journal")
ENDINGS = (".db", ".sqlite", ".sqlite3")
"""The endings of databases in the folder around a store, which may hold very many other files."""
MLFLOW = {"runs": "run_uuid", "logged_models": "model_id"}
"""Tables of a store -> the column of the ids that name folders."""


@dataclass(frozen=True)
class Companions:
    """The databases in the folder of a store and in the folder around it, without the store's own.

    Backups are among them: restored, they name their runs again.
    """

    store: Store

    @cached_property
    def ids(self) -> dict[str, Path]:
        """Every id of a run or logged model in one of them, also of deleted ones, with the database."""
        return {each: file for file, ids in self._read.items() for each in ids or ()}

    @cached_property
    def unreadable(self) -> list[Path]:
        """Databases that cannot be read, so that they may name anything."""
        return [file for file, ids in self._read.items() if ids is None]

    def naming(self, name: str) -> Path | None:
        """Return a database that names, or may name, a run or logged model; None if there is none."""
        return self.ids.get(name) or next(iter(self.unreadable), None)

    @cached_property
    def _read(self) -> dict[Path, set[str] | None]:
        return {file: _ids_in(file) for file in self.files}

    @cached_property
    def files(self) -> list[Path]:
        """The databases."""
        return [*self._files()]

    def _files(self) -> Iterator[Path]:
        own = self.store.database
        if own is None:
            return
        around = [file for ending in ENDINGS for file in own.parent.parent.glob(f"*{ending}")]
        for file in sorted({*own.parent.iterdir(), *around}):
            with suppress(FileNotFoundError):  # it was removed meanwhile
                if file.name.endswith(PARTS) or not file.is_file() or file.samefile(own):
                    continue
                if _is_database(file):
                    yield file


def _is_database(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(HEADER)) == HEADER
    except OSError:
        return True  # it may be one


def _ids_in(file: Path) -> set[str] | None:
    """Return the ids in a database, none if it is no store; None if it cannot be read."""
    found: set[str] = set()
    try:
        with closing(sqlite3.connect(sqlite_file(file).address, uri=True)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            tables |= {name.removeprefix("_alembic_tmp_") for name in tables}
            for table, column in MLFLOW.items():
                for half in {table, f"_alembic_tmp_{table}"} & tables:
                    found |= {str(each) for (each,) in connection.execute(f"SELECT {column} FROM {half}")}  # noqa: S608
    except sqlite3.Error:
        return None
    return found
