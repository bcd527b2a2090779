"""Many processes that write into one store at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.support.postgresql import PostgreSQL

pytestmark = [pytest.mark.integration, pytest.mark.slow]

WRITERS, RUNS, PARTS, LENGTH = 16, 6, 5, 200
PROGRAM = """
import sys
import numpy as np
from qsweep.tracking.curves import Points
from qsweep.tracking import RunRecord, table_tracker, tracker
from qsweep.tracking.store import open_store

table_tracker.FLUSH_POINTS = 1  # every part is a transaction of its own
uri, writer, runs, parts, length = sys.argv[1], *map(int, sys.argv[2:])
recording = tracker(open_store(uri))
sys.stdin.readline()
for number in range(runs):
    run = recording.open(RunRecord(f"{writer}-{number}", "crowd", {"writer": str(writer)}))
    for part in range(parts):
        steps = np.arange(part * length, (part + 1) * length)
        run.log(Points(steps, {"a": steps / 7.0, "b": steps * -1.0}))
    run.close("FINISHED", {"last": 1.0}, {"qsweep.done": "yes"})
assert "mlflow" not in sys.modules
"""


def crowd(uri: str) -> None:
    """Let all writers begin at once, and wait until they are done; none may have complained."""
    numbers = [str(number) for number in (RUNS, PARTS, LENGTH)]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, uri, str(writer), *numbers],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for writer in range(WRITERS)
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    said = [writer.communicate(timeout=240)[0] for writer in writers]
    assert said == [""] * WRITERS
    assert [writer.returncode for writer in writers] == [0] * WRITERS


def check(uri: str) -> None:
    """Every run of every writer is there, finished, with every point of its curves."""
    client = MlflowClient(uri)
    [experiment] = [found for found in client.search_experiments() if found.name == "crowd"]
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    names = sorted(f"{writer}-{number}" for writer in range(WRITERS) for number in range(RUNS))
    assert sorted(run.info.run_name for run in runs) == names
    assert {run.info.status for run in runs} == {"FINISHED"}
    last = PARTS * LENGTH - 1
    assert {tuple(sorted(run.data.metrics.items())) for run in runs} == {
        (("a", last / 7.0), ("b", -1.0 * last), ("last", 1.0))
    }
    for run in runs[::WRITERS]:
        history = client.get_metric_history(run.info.run_id, "a")
        found = sorted((metric.step, metric.value) for metric in history)
        assert found == [(step, step / 7.0) for step in range(last + 1)]


def test_sqlite(workdir: Path) -> None:
    """Sixteen processes that write into one file lose nothing, and none finds it locked."""
    uri = f"sqlite:///{workdir}/mlruns/mlflow.db"
    crowd(uri)
    check(uri)


def test_postgresql(postgresql: PostgreSQL, migrated_postgresql: str) -> None:
    """Sixteen processes that write into one database lose nothing, and none stands in another's way."""
    uri = postgresql.uri(postgresql.create_database(template=migrated_postgresql))
    crowd(uri)
    check(uri)
