"""Points per second into MLflow's tables, and the overhead of a run: MLflow's own ways, ours, the limit.

    .venv/bin/python benchmarks/tracking.py [ROUNDS]

Each way records the same curves, four of `LENGTH` points, from numpy arrays to committed rows; ways take
turns, so that a busy machine is as busy for each. PostgreSQL is left out where it is not installed.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the tests' PostgreSQL server
from tests.support.postgresql import PostgreSQL, serving

from qsweep.tracking import RunRecord, tracker
from qsweep.tracking.curves import Points
from qsweep.tracking.store import open_store
from qsweep.tracking.tables.curve_rows import COLUMNS

KEYS = ("train/return_avg", "train/return_min", "train/return_max", "train/epsilon")
LENGTH = 2500
FEW = 25
"""Points of a curve where each takes some milliseconds."""
PARAMS = {f"group.param_{number}": str(number) for number in range(30)}
TAGS = {f"qsweep.tag_{number}": "a value of some length" for number in range(10)}
SUMMARY = {f"test/metric_{number}": number / 7 for number in range(8)}
FILES = 5
_MARKS = ", ".join("?" * len(COLUMNS))

Way = Callable[[int], float]
"""Records four curves of so many points, or one run; returns the seconds that took."""


@dataclass(frozen=True)
class Row:
    """What a way of recording costs: medians, and every sample, points per second or ms of a run.

    megabytes: what 100,000 points add to the store, indexes and all.
    """

    name: str
    samples: tuple[float, ...]
    points_per_second: float | None = None
    milliseconds: float | None = None
    megabytes: float | None = None


def measure(rounds: int = 5) -> list[Row]:
    """Every way on this machine, in turns."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qsweep-")))
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        ways, overheads, sizes = _sqlite_ways(folder)
        try:
            server = stack.enter_context(serving(()))  # as it comes: every commit waits for the disk
        except RuntimeError as error:
            print(error, file=sys.stderr)
        else:
            os.environ.update(server.environment)
            more, runs, on_server = _postgresql_ways(server, folder)
            ways, overheads, sizes = ways | more, overheads | runs, sizes | on_server
        rows = list(_points_per_second(ways, sizes, rounds))
        taken = _in_turns(
            {name: lambda way=way: 1000 * way(0) for name, way in overheads.items()}, 4 * rounds
        )
        return rows + [
            Row(name, samples, milliseconds=statistics.median(samples)) for name, samples in taken.items()
        ]


def _points_per_second(ways: dict[str, tuple[Way, int]], sizes: dict[str, Way], rounds: int) -> Iterator[Row]:
    before = {name: size(0) for name, size in sizes.items()}

    def sample(way: Way, length: int) -> Callable[[], float]:
        return lambda: len(KEYS) * length / way(length)

    taken = _in_turns({name: sample(*way) for name, way in ways.items()}, rounds)
    for name, samples in taken.items():
        megabytes = None
        if name in sizes:
            recorded = (rounds + 1) * len(KEYS) * ways[name][1]
            megabytes = (sizes[name](0) - before[name]) / 1e6 * 100_000 / recorded
        yield Row(name, samples, points_per_second=statistics.median(samples), megabytes=megabytes)


def _in_turns(ways: dict[str, Callable[[], float]], rounds: int) -> dict[str, tuple[float, ...]]:
    """Samples of each way; the first of each, which finds nothing warm, does not count."""
    samples: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, way in ways.items():
            samples[name].append(way())
    return {name: tuple(taken[1:]) for name, taken in samples.items()}


def curves(length: int) -> Points:
    """Four curves of numbers that do not compress."""
    generator = np.random.default_rng()
    values = {key: generator.normal(size=length) for key in KEYS}
    return Points(np.arange(length) * 10 + 9, values)


def timed(function: Callable[[], object]) -> float:
    """The seconds that a call takes."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def _sqlite_ways(folder: Path) -> tuple[dict[str, tuple[Way, int]], dict[str, Way], dict[str, Way]]:
    fresh = folder / "fresh" / "mlflow.db"
    open_store(f"sqlite:///{fresh}")

    def copied(name: str) -> Path:
        database = folder / name / "mlflow.db"
        database.parent.mkdir()
        shutil.copy(fresh, database)
        return database

    files = {name: copied(name) for name in ("fluent", "stock", "ours", "long", "raw")}
    uris = {name: f"sqlite:///{file}" for name, file in files.items()}
    ways = {
        "MLflow, a call for each value (SQLite)": (_fluent(uris["fluent"]), FEW),
        "MLflow log_batch (SQLite)": (_log_batch(uris["stock"]), LENGTH),
        "qsweep (SQLite)": (_ours(uris["ours"]), LENGTH),
        "qsweep, curves ten times as long (SQLite)": (_ours(uris["long"]), 10 * LENGTH),
        "sqlite3 executemany into the same tables": (_executemany(files["raw"]), LENGTH),
    }
    runs = {
        "a run, MLflow's client (SQLite)": _client_run(uris["stock"], folder),
        "a run, qsweep (SQLite)": _our_run(uris["ours"], folder),
    }
    of = dict(zip(ways, files.values(), strict=True))
    moved = {name: (_moved(way, of[name]), length) for name, (way, length) in ways.items()}
    return moved, runs, {"qsweep (SQLite)": lambda _: files["ours"].stat().st_size}


def _moved(way: Way, file: Path) -> Way:
    """A way until all lies in the file itself: who moves it there, from the log, is left to chance."""

    def move() -> None:
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    return lambda length: way(length) + timed(move)


def _postgresql_ways(
    server: PostgreSQL, folder: Path
) -> tuple[dict[str, tuple[Way, int]], dict[str, Way], dict[str, Way]]:
    names = {name: server.create_database() for name in ("stock", "ours", "raw")}
    uris = {name: server.uri(database) for name, database in names.items()}
    for uri in uris.values():
        open_store(uri)
    ways = {
        "MLflow log_batch (PostgreSQL)": (_log_batch(uris["stock"]), LENGTH),
        "qsweep (PostgreSQL)": (_ours(uris["ours"]), LENGTH),
        "COPY into the same tables": (_copy(server.secret_uri(names["raw"])), LENGTH),
    }
    runs = {
        "a run, MLflow's client (PostgreSQL)": _client_run(uris["stock"], folder),
        "a run, qsweep (PostgreSQL)": _our_run(uris["ours"], folder),
    }

    def size(_: int) -> float:
        [(found,)] = server.execute("SELECT pg_total_relation_size('metrics')", names["ours"])
        return float(str(found))

    return ways, runs, {"qsweep (PostgreSQL)": size}


def _fluent(uri: str) -> Way:
    import mlflow

    def way(length: int) -> float:
        points = curves(length)
        mlflow.set_tracking_uri(uri)
        with mlflow.start_run():
            return timed(
                lambda: [_log(step, points, row) for row, step in enumerate(points.episodes.tolist())]
            )

    def _log(step: int, points: Points, row: int) -> None:
        for key, values in points.values.items():
            mlflow.log_metric(key, float(values[row]), step=step)

    return way


def _log_batch(uri: str) -> Way:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    client = MlflowClient(uri)

    def log(run_id: str, points: Points) -> None:
        now, steps = time.time_ns() // 1_000_000, points.episodes.tolist()
        metrics = [
            Metric(key, value, now, step)
            for key, values in points.values.items()
            for step, value in zip(steps, values.tolist(), strict=True)
        ]
        client.log_batch(run_id, metrics=metrics)

    def way(length: int) -> float:
        run_id, points = client.create_run("0").info.run_id, curves(length)
        return timed(lambda: log(run_id, points))

    return way


def _ours(uri: str) -> Way:
    recording = tracker(open_store(uri))

    def way(length: int) -> float:
        run, points = recording.open(RunRecord("bench", "bench")), curves(length)

        def record() -> None:
            run.log(points)
            run.close("FINISHED", {}, {})

        return timed(record)

    return way


def _rows(run_id: str, points: Points) -> Iterator[tuple[Any, ...]]:
    now, steps = time.time_ns() // 1_000_000, points.episodes.tolist()
    return chain.from_iterable(
        zip(repeat(key), values.tolist(), repeat(now), steps, repeat(False), repeat(run_id))
        for key, values in points.values.items()
    )


def _executemany(file: Path) -> Way:
    statement = f"INSERT INTO metrics ({', '.join(COLUMNS)}) VALUES ({_MARKS})"

    def way(length: int) -> float:
        points, run_id = curves(length), uuid.uuid4().hex
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("PRAGMA synchronous = NORMAL")

            def insert() -> None:
                connection.executemany(statement, _rows(run_id, points))
                connection.commit()

            return timed(insert)

    return way


def _copy(uri: str) -> Way:
    import psycopg

    connection = psycopg.connect(uri)
    statement = f"COPY metrics ({', '.join(COLUMNS)}) FROM STDIN".encode()

    def insert(points: Points, run_id: str) -> None:
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in _rows(run_id, points):
                copy.write_row(row)
        connection.commit()

    def way(length: int) -> float:
        points, run_id = curves(length), uuid.uuid4().hex
        connection.execute("INSERT INTO runs (run_uuid, experiment_id) VALUES (%s, 0)", (run_id,))
        return timed(lambda: insert(points, run_id))

    return way


def _files(folder: Path) -> list[Path]:
    made = []
    for number in range(FILES):
        file = folder / f"artifact_{number}.bin"
        file.write_bytes(os.urandom(20_000))
        made.append(file)
    return made


def _client_run(uri: str, folder: Path) -> Way:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param

    client, files = MlflowClient(uri), _files(folder)
    experiment = client.create_experiment("runs", str(folder / "artifacts"))

    def record() -> None:
        run_id = client.create_run(experiment, tags=TAGS, run_name="bench").info.run_id
        client.log_batch(run_id, params=[Param(key, value) for key, value in PARAMS.items()])
        for file in files:
            client.log_artifact(run_id, str(file))
        client.log_batch(run_id, metrics=[Metric(key, value, 0, 0) for key, value in SUMMARY.items()])
        client.set_terminated(run_id)

    return lambda _: timed(record)


def _our_run(uri: str, folder: Path) -> Way:
    files = _files(folder)

    def record() -> None:
        run = tracker(open_store(uri)).open(RunRecord("bench", "runs", PARAMS, TAGS))
        for file in files:
            run.keep(file)
        run.close("FINISHED", SUMMARY, {})

    return lambda _: timed(record)


def main() -> None:
    """Print a line for each way."""
    rows = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
    for row in rows:
        low, high = min(row.samples), max(row.samples)
        if row.points_per_second is not None:
            size = f"  {row.megabytes:5.1f} MB per 100,000" if row.megabytes else ""
            print(f"{row.name:45} {row.points_per_second:10,.0f} points/s ({low:,.0f} to {high:,.0f}){size}")
        else:
            print(f"{row.name:45} {row.milliseconds:10.2f} ms ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
