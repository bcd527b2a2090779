from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsweep.tracking.client.mlflow_tracker import MlflowTracker
from qsweep.tracking.continued import ContinuedRunLog
from qsweep.tracking.curves import Points
from qsweep.tracking.store import open_store
from qsweep.tracking.tracker import RunLog, RunRecord, Status


class Tape(RunLog):
    """A run log that stores what it receives."""

    run_id = "abc"

    def __init__(self) -> None:
        self.received: list[object] = []

    def log(self, points: Points) -> None:
        """Store each point."""
        for key, values in points.values.items():
            self.received += [
                (key, *pair) for pair in zip(points.episodes.tolist(), values.tolist(), strict=True)
            ]

    def keep(self, file: Path, folder: str = "") -> None:
        """Store the file."""
        self.received.append((file, folder))

    def close(self, status: Status, metrics: Mapping[str, float], tags: Mapping[str, str]) -> None:
        """Store the end."""
        self.received.append((status, metrics, tags))


def points(first: int, end: int) -> Points:
    """Return two curves with a point every tenth episode."""
    x = np.arange(first, end, 10)
    return Points(x, {"a": x * 1.0, "b": x * 2.0})


@given(st.integers(-1, 60), st.integers(-1, 60))
def test_only_new_points_are_logged(a: int, b: int) -> None:
    """Exactly the points that a curve already has are skipped, for each curve separately."""
    tape = Tape()
    log = ContinuedRunLog(tape, lambda key: {"a": a, "b": b}[key])
    for first in (0, 20, 40):
        log.log(points(first, first + 20))
    expected = {("a", x, x * 1.0) for x in range(0, 60, 10) if x > a}
    assert set(tape.received) == expected | {("b", x, x * 2.0) for x in range(0, 60, 10) if x > b}
    assert len(tape.received) == len(set(tape.received))


def test_the_rest_is_passed_on() -> None:
    """The log has the run's id and passes files and the end on."""
    tape = Tape()
    log = ContinuedRunLog(tape, lambda _: -1)
    log.keep(Path("f"), "folder")
    log.close("FINISHED", {"m": 1.0}, {"t": "u"})
    assert log.run_id == "abc"
    assert tape.received == [(Path("f"), "folder"), ("FINISHED", {"m": 1.0}, {"t": "u"})]


@pytest.mark.usefixtures("workdir")
def test_in_a_real_store() -> None:
    """A KILLED run is RUNNING again under its id, with the new tags; no point is recorded twice."""
    store = open_store("local")
    tracker, record = MlflowTracker(store), RunRecord("r", "e", {"p": "1"}, {"qsweep.code": "old"})
    first = tracker.open(record)
    first.log(points(0, 30))
    first.close("KILLED", {}, {})
    again = tracker.reopen(first.run_id, RunRecord("r", "e", {"p": "1"}, {"qsweep.code": "new"}))
    run = store.client.get_run(first.run_id)
    assert (run.info.status, run.data.tags["qsweep.code"]) == ("RUNNING", "new")
    again.log(points(0, 50))
    again.close("FINISHED", {}, {})
    for key, slope in (("a", 1.0), ("b", 2.0)):
        history = store.client.get_metric_history(first.run_id, key)
        assert sorted((metric.step, metric.value) for metric in history) == [
            (x, x * slope) for x in range(0, 50, 10)
        ]
    assert store.client.get_run(first.run_id).info.status == "FINISHED"
