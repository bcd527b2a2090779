from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from qsweep.tracking.tables.registry_rows import PLACES, places
from qsweep.tracking.tables.sqlite_database import SqliteDatabase


@pytest.mark.parametrize("change", ["DROP TABLE logged_models", "ALTER TABLE {0} RENAME COLUMN {1} TO other"])
def test_places_of_a_release_without_a_column(migrated_store: Path, tmp_path: Path, change: str) -> None:
    """A table or column that a later MLflow may drop names no place; the others are found all the same."""
    for table, column, _ in PLACES:
        file = tmp_path / f"{table}-{column}.db"
        shutil.copy(migrated_store, file)
        with closing(sqlite3.connect(file)) as db:
            db.execute("INSERT INTO experiments (name, artifact_location) VALUES ('a', '/here')")
            db.execute(change.format(table, column))
            db.commit()
        found = [value for *_, value in places(SqliteDatabase(file))]
        assert ("/here" in found) == (table != "experiments" or change.startswith("DROP"))
