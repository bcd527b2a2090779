"""MLflow's own store and ours on equal databases, and what a run leaves in either."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from tests.support.postgresql import PostgreSQL

POINTS = "key, value, timestamp, step, is_nan"
TABLES = {
    "metrics": (POINTS, "run_uuid"),
    "latest_metrics": (POINTS, "run_uuid"),
    "params": ("key, value", "run_uuid"),
    "tags": ("key, value", "run_uuid"),
    "runs": (
        "name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time,"
        " source_version, lifecycle_stage, deleted_time IS NULL, experiment_id, artifact_uri",
        "run_uuid",
    ),
    "inputs": ("source_type, destination_type, step", "destination_id"),
}
"""Table -> what is compared of a run's rows, and the column that says whose they are."""
Rows = list[tuple[Any, ...]]
Ask = Callable[[str, Sequence[object]], Rows]


@dataclass(frozen=True)
class Side:
    """A store: MLflow's client of it, its URI and its tables."""

    client: MlflowClient
    uri: str
    ask: Ask

    def run(self) -> str:
        """A new run's id."""
        return str(self.client.create_run("0", start_time=5, run_name="walk").info.run_id)

    def left(self, run_id: str) -> dict[str, Rows]:
        """The rows of a run in every table, sorted, without its id."""
        found = {}
        for table, (columns, key) in TABLES.items():
            rows = self.ask(f"SELECT {columns} FROM {table} WHERE {key} = ? ORDER BY {columns}", (run_id,))
            found[table] = [tuple(without(value, run_id) for value in row) for row in rows]
        return found


def without(value: object, run_id: str) -> object:
    """A value in which the run's id and its database's folder say nothing any more."""
    return re.sub(rf"{run_id}|\S*/(stock|ours)/", "*", value) if isinstance(value, str) else value


@dataclass(frozen=True)
class Sides:
    """MLflow's own store and ours, each on a database of its own."""

    stock: Side
    ours: Side


def sqlite_sides(migrated: Path, folder: Path) -> Sides:
    """Two copies of an empty store."""

    def side(name: str) -> Side:
        database = folder / name / "mlflow.db"
        database.parent.mkdir()
        shutil.copy(migrated, database)

        def ask(query: str, given: Sequence[object] = ()) -> Rows:
            with closing(sqlite3.connect(database)) as connection:
                return connection.execute(query, given).fetchall()

        uri = f"sqlite:///{database}"
        return Side(MlflowClient(uri, registry_uri=uri), uri, ask)

    return Sides(side("stock"), side("ours"))


def postgresql_sides(server: PostgreSQL, migrated: str) -> Sides:
    """Two copies of an empty store on a server, whose user and password are in the environment."""

    def side() -> Side:
        database = server.create_database(template=migrated)

        def ask(query: str, given: Sequence[object] = ()) -> Rows:
            import psycopg

            with psycopg.connect(server.secret_uri(database)) as connection:
                return connection.execute(query.replace("?", "%s").encode(), given).fetchall()

        uri = server.uri(database)
        return Side(MlflowClient(uri, registry_uri=uri), uri, ask)

    return Sides(side(), side())
