"""A store of any number of runs, made from one real run by SQL: other params, scores and times.

The copies share the artifacts of the real run. They form sweeps of 40 runs: four bucket sizes, ten seeds.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from measuring import qsweep

BUCKETS, SEEDS = (10, 20, 30, 40), 10
SWEEP_RUNS = len(BUCKETS) * SEEDS
TABLES = ("runs", "params", "tags", "latest_metrics", "metrics")
CHANGED = {
    "run_uuid": "copies.id",
    "start_time": "start_time + copies.later",
    "end_time": "end_time + copies.later",
    "timestamp": "timestamp + copies.later",
    "name": "copies.name",
}
"""What a copied row has that the source has not, whatever the table."""
RETURNS = "CASE WHEN key LIKE '%/return%' AND key <> 'optimum/return' THEN value + copies.luck ELSE value END"
PARAMS = "CASE key WHEN 'buckets' THEN copies.buckets WHEN 'seed' THEN copies.seed ELSE value END"
TAGS = """CASE key WHEN 'mlflow.runName' THEN copies.name WHEN 'qsweep.sweep' THEN copies.sweep
  WHEN 'qsweep.variant' THEN copies.variant WHEN 'qsweep.config' THEN copies.config ELSE value END"""
VALUES = {"params": PARAMS, "tags": TAGS, "latest_metrics": RETURNS, "metrics": RETURNS}


def sweep_name(number: int) -> str:
    """What the copies of a sweep share, counted from 0."""
    return f"synthetic-{number:05}"


def synthesise(
    folder: Path, runs: int, points: int = 25, per_sweep: int = SWEEP_RUNS, episodes: int = 2500
) -> None:
    """Fill the store in `folder` with `runs` runs, each with four curves of `points` points."""
    train = (
        "train",
        f"episodes={episodes}",
        "registry.promote=never",
        "sweep.name=source",
        "evaluation.checkpoints=2",
    )
    qsweep(folder, *train, f"tracking.max_points={points}")
    with closing(sqlite3.connect(folder / "mlruns" / "mlflow.db")) as database:
        database.execute("PRAGMA synchronous=OFF")
        database.execute("PRAGMA cache_size=-1000000")  # KiB: the tables' indices stay in memory
        find = "SELECT run_uuid FROM tags WHERE key = 'qsweep.sweep' AND value = 'source'"
        [(source,)] = database.execute(find)
        _name_copies(database, runs, per_sweep)
        for table in TABLES:
            _copy(database, table, source)
        database.execute("UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = ?", (source,))
        database.commit()


def _name_copies(database: sqlite3.Connection, runs: int, per_sweep: int) -> None:
    columns = "id, name, sweep, variant, config, buckets, seed, luck, later"
    database.execute(f"CREATE TEMPORARY TABLE copies ({columns})")
    places = ", ".join("?" * len(columns.split(", ")))
    database.executemany(f"INSERT INTO copies VALUES ({places})", _copies(runs, per_sweep))


def _copies(runs: int, per_sweep: int) -> Iterator[tuple[str | int | float, ...]]:
    luck = np.random.default_rng(0).normal(0, 8, runs).tolist()
    for number in range(runs):
        sweep, place = divmod(number, per_sweep)
        buckets, seed = BUCKETS[place % len(BUCKETS)], place // len(BUCKETS) + sweep * per_sweep + 1
        name = f"buckets={buckets},seed={seed}"
        config = _hash(name)
        identity = (f"{number + 1:032x}", name, sweep_name(sweep), _hash(str(buckets)), config)
        yield (*identity, str(buckets), str(seed), luck[number] - 40 / buckets, 1000 * number)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _copy(database: sqlite3.Connection, table: str, source: str) -> None:
    """Copy the rows of the source once for each copy, in the order of their keys."""
    columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
    changed = CHANGED | ({"value": VALUES[table]} if table in VALUES else {})
    taken = ", ".join(changed.get(column, f"{table}.{column}") for column in columns)
    database.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) "
        f"SELECT {taken} FROM copies CROSS JOIN {table} WHERE {table}.run_uuid = ?",
        (source,),
    )
