from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from qsweep.jobs import Ended, Jobs


@dataclass(frozen=True)
class Result:
    """What a runner might return."""

    name: str
    metrics: dict[str, float]


def test_a_fresh_folder_has_nothing_to_tell(tmp_path: Path) -> None:
    """Before any run has begun, none is running, none has ended and nobody has asked to stop."""
    jobs = Jobs(tmp_path)
    assert (jobs.count_ended(), jobs.ended(), jobs.running(), jobs.stopped) == (0, [], [], False)


def test_a_started_run_is_running(tmp_path: Path) -> None:
    """A run that has started says which process it is, on which machine, until it ends."""
    jobs = Jobs(tmp_path)
    jobs.start(3)
    assert jobs.running() == [{"pid": os.getpid(), "host": socket.gethostname()}]
    assert jobs.count_ended() == 0
    jobs.end(3, None, "")
    assert jobs.running() == []
    assert jobs.count_ended() == 1


def test_an_ended_run_says_how(tmp_path: Path) -> None:
    """What a run returned, or what went wrong, is read back as it was written."""
    jobs = Jobs(tmp_path)
    for number in (0, 1):
        jobs.start(number)
    jobs.end(1, None, "ValueError: no such bucket")
    jobs.end(0, Result("seed=0", {"test/return_mean": -140.5}), "")
    assert jobs.ended() == [
        Ended(0, {"name": "seed=0", "metrics": {"test/return_mean": -140.5}}, ""),
        Ended(1, {}, "ValueError: no such bucket"),
    ]


def test_ended_runs_come_in_order_of_their_numbers(tmp_path: Path) -> None:
    """The order is that of the numbers (2 before 10), however the runs ended."""
    jobs = Jobs(tmp_path)
    for number in (10, 2, 0, 1):
        jobs.start(number)
        jobs.end(number, None, "")
    assert [ended.number for ended in jobs.ended()] == [0, 1, 2, 10]


def test_marks_are_seen_by_others(tmp_path: Path) -> None:
    """Another process that knows the folder sees the same marks."""
    code = (
        "import sys; from pathlib import Path; from qsweep.jobs import Jobs; Jobs(Path(sys.argv[1])).start(7)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True)
    [mark] = Jobs(tmp_path).running()
    assert mark["pid"] != os.getpid()
    assert mark["host"] == socket.gethostname()


def test_a_mark_is_never_seen_half_written(tmp_path: Path) -> None:
    """A mark lies in its folder whole, with nothing beside it."""
    jobs = Jobs(tmp_path)
    jobs.start(0)
    jobs.end(0, None, "")
    assert sorted(path.name for path in (tmp_path / "0").iterdir()) == ["ended.json", "started.json"]


def test_a_run_that_is_started_again_is_marked_anew(tmp_path: Path) -> None:
    """A mark that is already there is replaced."""
    jobs = Jobs(tmp_path)
    jobs.start(0)
    jobs.start(0)
    jobs.end(0, None, "first")
    jobs.end(0, None, "second")
    assert [ended.error for ended in jobs.ended()] == ["second"]


def test_a_stop_is_seen_by_all(tmp_path: Path) -> None:
    """Once stopped, everybody who asks the folder is told so; asking twice is no error."""
    Jobs(tmp_path).stop()
    Jobs(tmp_path).stop()
    assert Jobs(tmp_path).stopped


def test_a_stop_spares_the_process_that_asks(tmp_path: Path) -> None:
    """A run in the process that asks to stop is sent no signal."""
    jobs = Jobs(tmp_path)
    jobs.start(0)
    jobs.stop()
    assert len(jobs.running()) == 1


def test_a_stop_ends_runs_in_other_processes(tmp_path: Path) -> None:
    """A run in another process of this machine gets SIGTERM."""
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        mark(tmp_path, 0, other.pid, socket.gethostname())
        Jobs(tmp_path).stop()
        assert other.wait(timeout=30) == -signal.SIGTERM
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("ended", [True, False])
def test_a_stop_leaves_others_alone(tmp_path: Path, ended: bool) -> None:
    """A process on another machine, or one whose run has ended, is sent nothing."""
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        mark(tmp_path, 0, other.pid, socket.gethostname() if ended else "elsewhere.invalid")
        if ended:
            Jobs(tmp_path).end(0, None, "")
        Jobs(tmp_path).stop()
        other.communicate(b"\n", timeout=30)
        assert other.returncode == 0
    finally:
        other.kill()
        other.wait()


def test_a_stop_does_not_mind_a_process_that_is_gone(tmp_path: Path) -> None:
    """A run whose process died without a word is no obstacle."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    mark(tmp_path, 0, gone.pid, socket.gethostname())
    Jobs(tmp_path).stop()
    assert Jobs(tmp_path).stopped


def mark(folder: Path, number: int, pid: int, host: str) -> None:
    """The mark of a run that another process started."""
    (folder / str(number)).mkdir()
    (folder / str(number) / "started.json").write_text(json.dumps({"pid": pid, "host": host}))
