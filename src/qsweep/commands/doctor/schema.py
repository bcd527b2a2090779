"""A database whose schema is old or half-migrated."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from filelock import FileLock

from qsweep.commands.doctor.defect import Defect
from qsweep.errors import one_line
from qsweep.tracking.store import open_store, unfinished_tables
from qsweep.tracking.tables.schema import installed, silence_migrations
from qsweep.tracking.tables.sqlite_database import beside, holds_anything, unlink_database
from qsweep.tracking.tables.sqlite_file import sqlite_file

KIND = "database schema"
COUNTED = ("experiments", "runs", "params", "tags", "metrics", "registered_models", "model_versions")
"""Tables of which a repair must keep all rows."""


def defects(database: Path) -> Iterator[Defect]:
    """Yield the defects of a local store's schema; the store cannot be used until they are repaired.

    Raises sqlite3.Error if it is no database.
    """
    if not holds_anything(database):
        remedy = "made anew, without runs"
        yield Defect(
            KIND, str(database), "is an empty file", remedy, partial(open_store, f"sqlite:///{database}")
        )
        return
    with closing(_open(database)) as db:
        integrity = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
        tables = _tables(db)
        revision = _revision(db)
        halves = unfinished_tables(db.execute)
    if integrity != "ok":
        remedy = "restore a backup, or run: sqlite3 mlflow.db .recover"
        yield Defect(KIND, str(database), f"is damaged: {integrity[:150]}", remedy)
        return
    if not tables & {"runs", "_alembic_tmp_runs"}:
        found = f"it has {len(tables)} tables, but no runs" if tables else "it has no tables"
        yield Defect(
            KIND, str(database), f"is no MLflow store: {found}", "move it away; qsweep train makes a store"
        )
        return
    needed, known = installed()
    if revision and revision not in known:
        details = f"was made by a newer MLflow (revision {revision})"
        yield Defect(KIND, str(database), details, "install that MLflow version; downgrading is not possible")
    elif halves or revision != needed:
        left = f"; left by an interrupted migration: {', '.join(halves)}" if halves else ""
        details = f"is at revision {revision or 'none'}, this MLflow needs {needed}{left}"
        remedy = f"upgraded, after a backup (in {database.stem}.backup-TIME{database.suffix})"
        yield Defect(KIND, str(database), details, remedy, partial(upgrade, database))


def upgrade(database: Path) -> None:
    """Back up a database, repair and upgrade a copy, and replace the database by it if it is complete.

    The database itself changes in one transaction at the end, or not at all. Raises OSError with the
    reason if the copy is not complete or the database is in use.
    """
    if not sqlite_file(database).writable:
        raise OSError("the database cannot be written")
    with FileLock(database.with_suffix(".lock")), closing(_open(database)) as db:
        before = db.execute("PRAGMA data_version").fetchone()[0]
        backup = backed_up(db, database)
        copy, replacing = beside(database), False
        try:
            shutil.copy(backup, copy)
            _repair(copy)
            with closing(_open(copy)) as repaired:
                if db.execute("PRAGMA data_version").fetchone()[0] != before:
                    raise OSError("another process wrote to the database meanwhile; stop it and try again")
                replacing = True
                repaired.backup(db)
        except BaseException:
            if not replacing:
                backup.unlink()
            raise
        finally:
            unlink_database(copy)


def backed_up(db: sqlite3.Connection, database: Path) -> Path:
    """Copy an open database into a file next to it, while others may write; return its path."""
    stamp = time.strftime("%Y-%m-%d_%H-%M-%S")
    backup = database.with_name(f"{database.stem}.backup-{stamp}{database.suffix}")
    number = 0
    while backup.exists():
        number += 1
        backup = database.with_name(f"{database.stem}.backup-{stamp}_{number}{database.suffix}")
    try:
        with closing(sqlite3.connect(backup)) as copy:
            db.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # the backup is one file, complete in itself
    except BaseException:
        backup.unlink(missing_ok=True)
        raise
    return backup


def _repair(copy: Path) -> None:
    """Finish or undo an interrupted migration, then upgrade.

    To migrate a table in SQLite, alembic fills a copy, drops the table and renames the copy. So the table
    is complete as long as it exists; after that the copy is.
    """
    with closing(_open(copy)) as db:
        tables = _tables(db)
        for half in unfinished_tables(db.execute):
            table = half.removeprefix("_alembic_tmp_")
            renaming = f'ALTER TABLE "{half}" RENAME TO "{table}"'
            db.execute(f'DROP TABLE "{half}"' if table in tables else renaming)
        db.commit()
        counted = _counts(db)
    try:
        _upgrade(copy)
    except Exception as error:  # alembic's and SQLAlchemy's, of many kinds
        reason = one_line(error)
        raise OSError(f"the upgrade failed ({reason}); nothing was changed") from error
    with closing(_open(copy)) as db:
        after = _counts(db)
        lost = [table for table, rows in counted.items() if after.get(table, 0) < rows]
        if lost or unfinished_tables(db.execute) or db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise OSError(f"the upgrade would lose rows of {', '.join(lost)}; nothing was changed")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _upgrade(database: Path) -> None:
    import sqlalchemy
    from mlflow.store.db.utils import _upgrade_db

    silence_migrations()
    engine = sqlalchemy.create_engine(f"sqlite:///{database}")
    try:
        _upgrade_db(engine)
    finally:
        engine.dispose()


def _open(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(sqlite_file(database).address, uri=True)


def _tables(db: sqlite3.Connection) -> set[str]:
    return {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _revision(db: sqlite3.Connection) -> str:
    if "alembic_version" not in _tables(db):
        return ""
    row = db.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else ""


def _counts(db: sqlite3.Connection) -> dict[str, int]:
    tables = _tables(db)
    counted = (table for table in COUNTED if table in tables)
    return {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in counted}  # noqa: S608
