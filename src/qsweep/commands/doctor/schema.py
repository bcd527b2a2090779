"""A database whose schema is old, or stayed halfway in a migration."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock

from qsweep.commands.doctor.finding import Finding
from qsweep.errors import one_line
from qsweep.tracking.store import unfinished_tables
from qsweep.tracking.tables.schema import installed, silence_migrations

AILMENT = "database schema"
COUNTED = ("experiments", "runs", "params", "tags", "metrics", "registered_models", "model_versions")
"""Tables none of whose rows a mend may lose."""


def findings(database: Path) -> Iterator[Finding]:
    """What is wrong with the schema of a local store, which nothing can use until it is mended.

    Raises sqlite3.Error where it is no database.
    """
    with closing(_open(database)) as db:
        integrity = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
        revision = _revision(db)
        halves = unfinished_tables(db.execute)
    if integrity != "ok":
        remedy = "restore a backup, or run: sqlite3 mlflow.db .recover"
        yield Finding(AILMENT, str(database), f"is damaged: {integrity[:150]}", remedy)
        return
    wanted, known = installed()
    if revision and revision not in known:
        wrong = f"was made by a newer MLflow (revision {revision})"
        yield Finding(
            AILMENT, str(database), wrong, "install that MLflow version; downgrading is not possible"
        )
    elif halves or revision != wanted:
        left = f"; left by an interrupted migration: {', '.join(halves)}" if halves else ""
        wrong = f"is at revision {revision or 'none'}, this MLflow needs {wanted}{left}"
        remedy = f"upgraded, after a backup (in {database.stem}.backup-TIME{database.suffix})"
        yield Finding(AILMENT, str(database), wrong, remedy, partial(upgrade, database))


def upgrade(database: Path) -> None:
    """Back a database up beside itself, mend and upgrade a copy, and put that in its place if it is whole.

    The database itself changes in one transaction at the end, or not at all. Raises OSError, saying why,
    where the copy does not come out whole, or the database is in use.
    """
    with FileLock(database.with_suffix(".lock")), closing(_open(database)) as db:
        before = db.execute("PRAGMA data_version").fetchone()[0]
        backup = backed_up(db, database)
        aside = database.with_suffix(".new")
        try:
            shutil.copy(backup, aside)
            _mend(aside, backup)
            with closing(_open(aside)) as mended:
                if db.execute("PRAGMA data_version").fetchone()[0] != before:
                    raise OSError("another process wrote to the database meanwhile; stop it and try again")
                mended.backup(db)
        finally:
            for left in aside.parent.glob(f"{aside.name}*"):
                left.unlink()


def backed_up(db: sqlite3.Connection, database: Path) -> Path:
    """A copy of an open database beside its file, made while others may write; returns where."""
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


def _mend(aside: Path, backup: Path) -> None:
    """Finish or undo what was left halfway, then upgrade.

    A migration of a table in SQLite fills a copy, drops the table and renames the copy: as long as the table
    is there it is whole, and once it is gone the copy is.
    """
    with closing(_open(aside)) as db:
        tables = _tables(db)
        for half in unfinished_tables(db.execute):
            whole = half.removeprefix("_alembic_tmp_")
            renaming = f'ALTER TABLE "{half}" RENAME TO "{whole}"'
            db.execute(f'DROP TABLE "{half}"' if whole in tables else renaming)
        db.commit()
        counted = _counts(db)
    try:
        _upgrade(aside)
    except Exception as error:  # alembic's and SQLAlchemy's, of many kinds
        reason = one_line(error)
        raise OSError(
            f"the upgrade failed ({reason}); nothing was changed, the backup is {backup}"
        ) from error
    with closing(_open(aside)) as db:
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
    return sqlite3.connect(f"file:{quote(str(database))}?mode=rw", uri=True)


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
