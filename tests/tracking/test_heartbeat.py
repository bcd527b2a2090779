from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from qsweep.system.liveness import HEARTBEAT
from qsweep.tracking import RunRecord, heartbeat, tracker
from qsweep.tracking.client.mlflow_tracker import MlflowTracker
from qsweep.tracking.heartbeat import Heartbeat
from qsweep.tracking.store import open_store


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send heartbeats every few milliseconds, in a separate thread."""
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.005)
    heartbeat._of_process.cache_clear()


def wait_until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


class Receiver:
    """A receiver that fails every other time."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.asked = 0

    def __call__(self, now: str) -> None:
        """Receive the time, or fail."""
        self.asked += 1
        if self.asked % 2:
            raise OSError("away")
        self.taken.append(now)


def test_it_beats_until_it_is_stopped() -> None:
    """A heartbeat sends the time in Unix seconds and survives a store that fails now and then."""
    listener, other = Receiver(), Receiver()
    stopped, other_run = Heartbeat(listener), Heartbeat(other)
    wait_until(lambda: len(listener.taken) >= 3)
    stopped.stop()
    assert abs(time.time() - float(listener.taken[-1])) < 60
    before = other.asked
    wait_until(lambda: other.asked > before + 1)  # one round may have been under way
    asked = listener.asked
    wait_until(lambda: other.asked > before + 4)
    assert listener.asked == asked
    other_run.stop()


def test_runs_share_a_thread() -> None:
    """All runs of a process share one heartbeat thread."""
    before = threading.active_count()
    hearts = [Heartbeat(lambda _: None) for _ in range(50)]
    assert threading.active_count() == before + 1
    for heart in hearts:
        heart.stop()
    assert not heartbeat._of_process(os.getpid())


@pytest.mark.parametrize("api", [True, False], ids=["mlflow", "tables"])
@pytest.mark.usefixtures("workdir")
def test_a_run_has_a_heartbeat(api: bool) -> None:
    """The tag is updated during the run, even if it logs nothing, as a parent; then no longer."""
    store = open_store("local")
    recording = MlflowTracker(store) if api else tracker(store)
    log = recording.open(RunRecord("run", "e", {}, {}))
    wait_until(lambda: HEARTBEAT in store.client.get_run(log.run_id).data.tags)
    log.close("FINISHED", {}, {})
    assert store.client.get_run(log.run_id).info.status == "FINISHED"
    assert not heartbeat._of_process(os.getpid())


def test_a_resumed_run_has_a_heartbeat_at_once(workdir: Path) -> None:  # noqa: ARG001
    """A resumed run has a fresh heartbeat at once, so other machines do not consider it dead."""
    store = open_store("local")
    for recording in (tracker(store), MlflowTracker(store)):
        record = RunRecord("run", "e", {}, {})
        log = recording.open(record)
        log.close("KILLED", {}, {})
        store.client.set_tag(log.run_id, HEARTBEAT, "1")
        recording.reopen(log.run_id, record).close("FINISHED", {}, {})
        assert float(store.client.get_run(log.run_id).data.tags[HEARTBEAT]) > time.time() - 60
