"""MLflow's own store and ours on equal databases, a run to record, and its rows in either."""

from __future__ import annotations

import math
import re
import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mlflow import MlflowClient

from qsweep.tracking.curves import Points
from qsweep.tracking.tracker import RunLog, RunRecord
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
RECORD = RunRecord(
    "buckets=20",
    "My lakes",
    {"buckets": "20", "env.kwargs.größe": "[30,15]", "long": "v" * 7000},
    {"qsweep.sweep": "s", "qsweep.varied": "t" * 9000},
)
SUMMARY = {"test/return_mean": -110.5, "optimum/gap": math.nan, "train/seconds": math.inf}
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
        return rows_of(run_id, self.ask)


def rows_of(run_id: str, ask: Ask) -> dict[str, Rows]:
    """Return the rows of a run in every table, sorted, without its id."""
    found = {}
    for table, (columns, key) in TABLES.items():
        rows = ask(f"SELECT {columns} FROM {table} WHERE {key} = ? ORDER BY {columns}", (run_id,))
        found[table] = [tuple(without(value, run_id) for value in row) for row in rows]
    return found


def timeless(run_id: str, ask: Ask) -> dict[str, Rows]:
    """Return a run's rows without times and experiment id (PostgreSQL skips some ids)."""
    found = rows_of(run_id, ask)
    for name in ("metrics", "latest_metrics"):
        found[name] = sorted((*row[:2], *row[3:]) for row in found[name])
    found["runs"] = [(*row[:6], *row[8:11], *row[12:]) for row in found["runs"]]
    return found


def points(first: int, values: Mapping[str, list[float]]) -> Points:
    length = len(next(iter(values.values())))
    steps = np.arange(first, first + length, dtype=np.int64)
    return Points(steps, {key: np.array(column, np.float64) for key, column in values.items()})


CURVES = [
    points(0, {"train/return_avg": [-200.0, math.nan, -180.5], "train/epsilon": [0.5, 0.25, 0.0]}),
    points(3, {"train/return_avg": [math.inf, -math.inf], "train/epsilon": [-0.0, 5e-324]}),
    points(4, {"eval/return_mean": [-150.0]}),
]


def record(run: RunLog, logged: Sequence[Points] = CURVES) -> None:
    """Log points, then end the run."""
    for part in logged:
        run.log(part)
    run.close("FINISHED", SUMMARY, {"qsweep.qtable_sha256": "ab"})


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
