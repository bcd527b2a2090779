"""Many writers with think time, as on a machine of many cores: runs a second, and the time under the lock.

    .venv/bin/python benchmarks/writers.py [SECONDS]

Each writer waits for some time, as if it trained on a core of its own, and then records a run of the README's
sweep: params, tags, curves of `POINTS` points, its end. PostgreSQL is left out where it is not installed.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the tests' PostgreSQL server
from tests.support.postgresql import serving

from measuring import Point, Row
from qsweep.tracking import RunRecord, tracker
from qsweep.tracking.store import open_store
from qsweep.tracking.tables import sqlite_database
from tracking import KEYS, PARAMS, SUMMARY, TAGS, curves

POINTS = 3300
"""What a run of the README's sweep leaves in MLflow."""
THINK_SECONDS = 1.0
"""Mean seconds between two runs of a writer, distributed exponentially."""
WRITERS = (1, 4, 16, 64, 128)


def measure(seconds: float = 8.0) -> Iterator[Row | Point]:
    """Runs a second by the number of writers, and the milliseconds for which a run locks SQLite's file."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qsweep-")))
        uris = {"SQLite": f"sqlite:///{folder / 'mlflow.db'}"}
        try:
            server = stack.enter_context(serving(()))
        except RuntimeError as error:
            print(error, file=sys.stderr)
        else:
            os.environ.update(server.environment)
            uris["PostgreSQL"] = server.uri(server.create_database())
        for uri in uris.values():
            open_store(uri)
        held = tuple(1000 * _held(uris["SQLite"]) for _ in range(20))
        yield Row("writers", "a run holds SQLite's write lock", "ms per run", held)
        for name, uri in uris.items():
            for writers in WRITERS:
                rate = _runs_per_second(uri, writers, seconds)
                about = f"at most {writers / THINK_SECONDS:.0f} with this think time"
                yield Row("writers", f"{name}, {writers} writers", "runs/s", (rate,), about)


def _record(recording: Any) -> None:
    run = recording.open(RunRecord("bench", "writers", PARAMS, TAGS))
    run.log(curves(POINTS // len(KEYS)))
    run.close("FINISHED", SUMMARY, {})


def _held(uri: str) -> float:
    """Return the seconds for which recording one run locks the file, added up over its transactions."""
    with _timed_locks() as seconds:
        _record(tracker(open_store(uri)))
    return sum(seconds)


@contextmanager
def _timed_locks() -> Iterator[list[float]]:
    """Collect for how many seconds each transaction holds the lock: after BEGIN, until COMMIT has ended."""
    seconds: list[float] = []
    write = sqlite_database.SqliteDatabase.write

    def timed(self: Any, change: Any) -> Any:
        began: list[float] = []

        def changing(transaction: Any) -> Any:
            began.append(time.perf_counter())
            return change(transaction)

        result = write(self, changing)
        seconds.append(time.perf_counter() - began[0])
        return result

    sqlite_database.SqliteDatabase.write = timed  # type: ignore[method-assign]
    try:
        yield seconds
    finally:
        sqlite_database.SqliteDatabase.write = write  # type: ignore[method-assign]


def _runs_per_second(uri: str, writers: int, seconds: float) -> float:
    with get_context("fork").Pool(writers) as pool:
        return sum(pool.map(partial(_write, uri, seconds), range(writers), chunksize=1)) / seconds


def _write(uri: str, seconds: float, seed: int) -> int:
    """Think and record until the time is over; returns the number of runs."""
    thinking, recording = random.Random(seed), tracker(open_store(uri))
    runs, until = 0, time.monotonic() + seconds
    while True:
        time.sleep(thinking.expovariate(1 / THINK_SECONDS))
        if time.monotonic() > until:
            return runs
        _record(recording)
        runs += 1


if __name__ == "__main__":
    for row in measure(*map(float, sys.argv[1:])):
        assert isinstance(row, Row)
        print(f"{row.name:40} {row.median:8.2f} {row.unit}  {row.about}", flush=True)
