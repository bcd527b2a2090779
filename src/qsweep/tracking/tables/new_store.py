"""New SQLite stores: MLflow makes one a machine, in seconds; each further one is a copy of it."""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing, suppress
from importlib.metadata import version
from pathlib import Path

from qsweep.system.atomic_files import user_cache, write_bytes
from qsweep.tracking.tables import schema

DEFAULT_EXPERIMENT = "UPDATE experiments SET artifact_location = ?, creation_time = ?, last_update_time = ?"
"""The only row of an empty store that knows where and when the store was made."""


def make_store(new: Path, artifacts: Path) -> None:
    """Write an empty store to a file that does not exist yet. artifacts: the folder for its files."""
    with suppress(OSError):  # a cache that cannot be used costs seconds, not the store
        template = _template()
        if template.exists() and _copied(template, new, artifacts):
            return
    new.unlink(missing_ok=True)  # a copy that failed midway
    schema.make_tables(f"sqlite:///{new}", artifacts)
    with suppress(OSError):
        write_bytes(_template(), new.read_bytes())


def _template() -> Path:
    """Return the cached store's file. MLflow's migrations and SQLAlchemy decide what is in it."""
    packages = "-".join(f"{name}-{version(name)}" for name in ("mlflow", "sqlalchemy"))
    return user_cache() / f"{packages}.db"


def _copied(template: Path, new: Path, artifacts: Path) -> bool:
    """Copy a store; return False, and leave nothing, if it is damaged or of another MLflow."""
    shutil.copyfile(template, new)
    now = time.time_ns() // 10**6
    try:
        with closing(sqlite3.connect(new)) as connection, connection:
            sound = connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
            found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
            connection.execute(DEFAULT_EXPERIMENT, (f"{artifacts}/0", now, now))
    except sqlite3.Error:
        sound = False
    if sound and found == [(schema.installed()[0],)]:
        return True
    new.unlink()
    return False
