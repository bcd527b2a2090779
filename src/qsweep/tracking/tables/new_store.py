"""New SQLite stores, without MLflow, which takes seconds to make one.

The one of the locked MLflow is part of qsweep. Another MLflow makes one per machine, which is then copied.
"""

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


EMPTY = Path(__file__).with_name("empty_store.sql")
"""The tables and rows of an empty store, as the MLflow makes them that qsweep is locked to."""


def make_store(new: Path, artifacts: Path) -> None:
    """Write an empty store to a file that does not exist yet. artifacts: the folder for its files."""
    for begin in (_from_package, _from_cache):
        with suppress(OSError):  # a cache that cannot be used costs seconds, not the store
            if begin(new) and _made(new, artifacts):
                return
        new.unlink(missing_ok=True)
    schema.make_tables(f"sqlite:///{new}", artifacts)
    with suppress(OSError):
        write_bytes(_template(), new.read_bytes())


def _from_package(new: Path) -> bool:
    """Make the store that is part of qsweep; return False if it is of another MLflow."""
    script = EMPTY.read_text("utf-8")
    if f"'{schema.installed()[0]}'" not in script:
        return False
    with closing(sqlite3.connect(new)) as connection:
        connection.executescript(script)
    return True


def _from_cache(new: Path) -> bool:
    """Copy the store that MLflow made for an earlier one; return False if there is none."""
    template = _template()
    if not template.exists():
        return False
    shutil.copyfile(template, new)
    return True


def _template() -> Path:
    """Return the cached store's file. MLflow's migrations and SQLAlchemy decide what is in it."""
    packages = "-".join(f"{name}-{version(name)}" for name in ("mlflow", "sqlalchemy"))
    return user_cache() / f"{packages}.db"


def _made(new: Path, artifacts: Path) -> bool:
    """Give a store its own place and time; return False if it is damaged or of another MLflow."""
    now = time.time_ns() // 10**6
    try:
        with closing(sqlite3.connect(new)) as connection, connection:
            sound = connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
            found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
            connection.execute(DEFAULT_EXPERIMENT, (f"{artifacts}/0", now, now))
    except sqlite3.Error:
        return False
    return sound and found == [(schema.installed()[0],)]
