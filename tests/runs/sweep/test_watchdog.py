from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from qsweep.runs.sweep import watchdog as module
from qsweep.runs.sweep.watchdog import Watchdog
from qsweep.system.interrupts import Interrupted
from qsweep.system.liveness import Owner, announce
from qsweep.tracking import RunRecord, tracker
from qsweep.tracking.store import open_store

ELSEWHERE = Owner("another-machine", "1-0123456789abcdef-0123456789ab")
CHUNK: Any = None

pytestmark = pytest.mark.usefixtures("workdir")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check at every opportunity."""
    monkeypatch.setattr(module, "ASK_SECONDS", 0.0)
    monkeypatch.setattr(module, "STORE_SECONDS", 0.0)


def test_a_process_of_this_machine() -> None:
    """Runs continue while the launcher is alive, and are interrupted at the next block after."""
    living = announce()
    Watchdog(living, "none", None).update(CHUNK)
    gone = replace(living, process=living.process.replace(living.process[-29:-13], "0" * 16))
    with pytest.raises(Interrupted):
        Watchdog(gone, "none", None).update(CHUNK)


def test_a_process_elsewhere() -> None:
    """On another machine the launcher counts as alive until the parent run ends."""
    log = tracker(open_store("local")).open(RunRecord("sweep", "e", {}, ELSEWHERE.tags))
    watchdog = Watchdog(ELSEWHERE, "local", log.run_id)
    assert watchdog.launcher_alive()
    watchdog.update(CHUNK)
    log.close("KILLED", {}, {})
    assert not watchdog.launcher_alive()
    with pytest.raises(Interrupted):
        watchdog.update(CHUNK)


def test_another_launch_of_the_sweep() -> None:
    """After a relaunch by any user, queued batches of the first launch are not run."""
    record = RunRecord("sweep", "e", {}, ELSEWHERE.tags)
    log = tracker(open_store("local")).open(record)
    log.close("KILLED", {}, {})
    other = replace(ELSEWHERE, process="2-0123456789abcdef-0123456789ab")
    tracker(open_store("local")).reopen(log.run_id, replace(record, tags=other.tags))
    assert not Watchdog(ELSEWHERE, "local", log.run_id).launcher_alive()
    assert Watchdog(other, "local", log.run_id).launcher_alive()


def test_the_store_is_asked_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between checks of the store the last answer holds."""
    monkeypatch.setattr(module, "STORE_SECONDS", 60.0)
    log = tracker(open_store("local")).open(RunRecord("sweep", "e", {}, ELSEWHERE.tags))
    watchdog = Watchdog(ELSEWHERE, "local", log.run_id)
    assert watchdog.launcher_alive()
    log.close("KILLED", {}, {})
    assert watchdog.launcher_alive()


def test_a_store_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unreachable server or an unknown parent run interrupts nothing."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert Watchdog(ELSEWHERE, "http://127.0.0.1:1", "0" * 32).launcher_alive()
    assert Watchdog(ELSEWHERE, "none", None).launcher_alive()


def test_a_stopped_sweep_ends_its_runs_without_a_signal() -> None:
    """The signal may come after a worker has taken a run and before the run handles signals."""
    stopped: list[bool] = []
    watchdog = Watchdog(announce(), "none", None, lambda: bool(stopped))
    watchdog.update(CHUNK)
    stopped.append(True)
    with pytest.raises(Interrupted):
        watchdog.update(CHUNK)
