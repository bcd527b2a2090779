from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from qsweep.system.liveness import HEARTBEAT, HOST, PROCESS, announce
from qsweep.tracking import tracker
from qsweep.tracking.run_search import end_dead, run_of
from qsweep.tracking.store import open_store
from qsweep.tracking.tracker import RunRecord


@pytest.mark.usefixtures("workdir")
def test_runs_of_dead_processes_are_killed() -> None:
    """Only those whose process on this machine has certainly died, with the time of their last heartbeat."""
    store, here, alive = open_store("local"), socket.gethostname(), announce().process
    gone = f"{_unused()}-{'0' * 16}-{alive.rpartition('-')[2]}"
    owners = {
        "dead": ({HOST: here, PROCESS: gone, HEARTBEAT: "1700000000"}, "KILLED"),
        "seen lately": ({HOST: here, PROCESS: gone, HEARTBEAT: str(time.time() - 60)}, "RUNNING"),
        "alive": ({HOST: here, PROCESS: alive}, "RUNNING"),
        "of another machine": ({HOST: "elsewhere", PROCESS: gone}, "RUNNING"),
        "of another folder": ({HOST: here, PROCESS: f"{os.getpid()}-{'0' * 16}-{'0' * 12}"}, "RUNNING"),
        "of another program": ({}, "RUNNING"),
    }
    ids = {
        name: tracker(store).open(RunRecord(name, "E", {}, tags)).run_id for name, (tags, _) in owners.items()
    }
    end_dead(store)
    found = {name: run_of(store, run_id) for name, run_id in ids.items()}
    assert {name: run.status for name, run in found.items()} == {
        n: status for n, (_, status) in owners.items()
    }
    assert found["dead"].ended == 1_700_000_000_000


def _unused() -> int:
    """Return a number that no process has."""
    return next(number for number in range(2**22 - 1, 1, -1) if not Path(f"/proc/{number}").exists())
