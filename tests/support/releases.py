"""Stores that MLflow releases made and filled, kept as SQL in tests/data/mlflow.

To add a release, run this in the checkout, in an environment with it, qsweep, psycopg, pytest and hypothesis:

    python -m tests.support.releases

It writes VERSION.sqlite.sql and VERSION.postgresql.sql: the tables that qsweep uses, with the rows that
MLflow's client writes for one run and, in SQLite, for two models. After `make lock` with another MLflow,

    python -m tests.support.releases empty

writes the empty store that is part of qsweep.
"""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from qsweep.tracking.tables import new_store, schema
from qsweep.tracking.tables.shape import REGISTRY, RUNS

FOLDER = Path(__file__).parents[1] / "data" / "mlflow"
MORE = ("alembic_version", "inputs")
EMPTY = ("logged_model_params", "logged_model_tags", "registered_model_tags")
"""Tables that are compared, and are empty after a registration."""
LONG = re.compile(r"'(.)\1{99,}'")
"""A value of one letter, repeated."""
MEANS = (-150.0, -120.0)
"""The mean returns of the runs that are registered."""


def releases(kind: str) -> list[str]:
    """Return the releases whose stores are kept, oldest first. kind: sqlite or postgresql."""
    names = [path.name.removesuffix(f".{kind}.sql") for path in FOLDER.glob(f"*.{kind}.sql")]
    return sorted(names, key=lambda name: [int(part) for part in name.split(".")])


def script(release: str, kind: str) -> str:
    """Return the SQL that makes the store of a release."""
    return (FOLDER / f"{release}.{kind}.sql").read_text()


def _filled(uri: str, models: bool) -> None:
    """Create a store by the installed MLflow and record a run, and perhaps models, through its client."""
    from qsweep.policies.registry.promotion import register
    from qsweep.tracking import tracker
    from qsweep.tracking.store import open_store
    from tests.policies.registry.test_promotion import candidate
    from tests.support.stores import RECORD, record

    store = replace(open_store(uri), tables=None)
    run = tracker(store).open(RECORD)
    record(run)
    if not models:
        return
    for seed, mean in enumerate(MEANS):
        register(store, candidate(store, [mean, mean - 1], seed))
    assert store.database is not None
    with closing(sqlite3.connect(store.database)) as connection, connection:
        for table in (
            "params",
            "tags",
            "metrics",
            "latest_metrics",
        ):  # of the models' runs, which are compared
            connection.execute(f"DELETE FROM {table} WHERE run_uuid != ?", (run.run_id,))  # elsewhere


def _sqlite(database: Path) -> Iterator[str]:
    tables = (*RUNS, *REGISTRY, *MORE, *EMPTY)
    marks = ", ".join("?" * len(tables))
    with closing(sqlite3.connect(database)) as connection:
        schema = f"SELECT sql FROM sqlite_master WHERE tbl_name IN ({marks}) ORDER BY type DESC, name"
        for (statement,) in connection.execute(
            f"SELECT * FROM ({schema}) WHERE sql != ''", tables
        ).fetchall():
            yield f"{statement};"
        for table in tables:
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            values = " || ', ' || ".join(f"quote({column})" for column in columns)
            for (row,) in connection.execute(f"SELECT {values} FROM {table} ORDER BY {values}").fetchall():
                short = LONG.sub(lambda long: f"printf('%.{len(long[0]) - 2}c', '{long[1]}')", row)
                yield f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({short});"


def _postgresql(uri: str) -> Iterator[str]:
    from tests.support.postgresql import binaries

    folder = binaries()
    assert folder is not None
    tables = [f"--table={table}" for table in (*RUNS, *MORE)]
    command = [folder / "pg_dump", "--no-owner", "--column-inserts", *tables, uri]
    dumped = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for line in dumped.splitlines():
        if line and not line.startswith(("--", "\\", "SET ", "SELECT pg_catalog.set_config")):
            yield LONG.sub(lambda long: f"repeat('{long[1]}', {len(long[0]) - 2})", line)


def _write(kind: str, lines: Iterator[str], folder: str) -> None:
    target = FOLDER / f"{version('mlflow')}.{kind}.sql"
    target.write_text("".join(f"{line.replace(folder, '/made')}\n" for line in lines))


def make() -> None:
    """Write the stores of the installed MLflow."""
    from tests.support.postgresql import serving

    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        database = Path(folder, "mlruns", "mlflow.db")
        _filled(f"sqlite:///{database}", models=True)
        _write("sqlite", _sqlite(database), folder)
        with serving() as server:
            os.environ.update(server.environment)
            uri = server.uri(server.create_database())
            _filled(uri, models=False)
            _write("postgresql", _postgresql(uri), folder)


def make_empty() -> None:
    """Write the empty store of the installed MLflow, without its place and time."""
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder, "empty.db")
        schema.make_tables(f"sqlite:///{database}", Path(folder))
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute(new_store.DEFAULT_EXPERIMENT, ("", 0, 0))
            new_store.EMPTY.write_text("".join(f"{line}\n" for line in connection.iterdump()))


if __name__ == "__main__":
    make_empty() if sys.argv[1:] == ["empty"] else make()
