from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from qsweep.runs.journal import Ended, Journal, Worker


def test_a_fresh_folder_has_nothing_to_tell(tmp_path: Path) -> None:
    """A new journal has no running and no ended runs, and is not stopped."""
    journal = Journal(tmp_path)
    assert (len(journal.ended()), journal.ended(), journal.running(), journal.stopped) == (0, [], {}, False)


def test_a_started_run_is_running(tmp_path: Path) -> None:
    """A started run is listed with its process and machine until it ends."""
    journal, here = Journal(tmp_path), Worker(socket.gethostname(), os.getpid())
    journal.start([3, 4])
    assert journal.running() == {3: here, 4: here}
    assert not here.other
    assert len(journal.ended()) == 0
    journal.end(Ended(3, {}, ""))
    assert journal.running() == {4: here}
    assert len(journal.ended()) == 1


def test_half_a_line_marks_nothing(tmp_path: Path) -> None:
    """A mark cut short by a full disk does not corrupt later marks."""
    journal = Journal(tmp_path)
    journal.start([1])
    [file] = tmp_path.glob("*.jsonl")
    with file.open("a") as opened:
        opened.write('{"end')
    assert len(journal.ended()) == 0
    journal.end(Ended(1, {}, ""))
    assert journal.ended() == [Ended(1, {}, "")]
    assert Journal(tmp_path).ended() == [Ended(1, {}, "")]


def test_an_ended_run_says_how(tmp_path: Path) -> None:
    """Outcomes and errors are read back as written, in order of the numbers."""
    journal = Journal(tmp_path)
    ended = [
        Ended(10, {}, "ValueError: no such bucket"),
        Ended(2, {"name": "seed=0", "metrics": {"a": -140.5}}, ""),
    ]
    for run in ended:
        journal.start([run.number])
        journal.end(run)
    assert journal.ended() == Journal(tmp_path).ended() == ended[::-1]


def test_marks_are_seen_by_others(tmp_path: Path) -> None:
    """Another process that reads the folder sees new marks."""
    code = "import sys; from pathlib import Path; from qsweep.runs.journal import Journal; "
    code += "Journal(Path(sys.argv[1])).start([7])"
    journal = Journal(tmp_path)
    journal.start([6])
    assert list(journal.running()) == [6]
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True)
    assert sorted(journal.running()) == [6, 7]
    assert journal.running()[7].pid != os.getpid()
    assert journal.running()[7].host == socket.gethostname()
    assert journal.running()[7].other


def test_a_line_that_is_being_written_is_no_mark(tmp_path: Path) -> None:
    """An incomplete line is read only once it is complete."""
    journal = Journal(tmp_path)
    journal.end(Ended(0, {}, ""))
    [file] = tmp_path.glob("*.jsonl")
    line = file.read_text()
    file.write_text(line + line.replace(": 0", ": 1")[:-9])
    assert [run.number for run in journal.ended()] == [0]
    file.write_text(line + line.replace(": 0", ": 1"))
    assert [run.number for run in journal.ended()] == [0, 1]


@pytest.mark.parametrize("first", ["a", "b"])
def test_the_order_of_files_does_not_matter(tmp_path: Path, first: str) -> None:
    """A run started by one process and ended by another has ended, in any order of the files."""
    second = "b" if first == "a" else "a"
    (tmp_path / f"{first}.jsonl").write_text('{"start": [0], "host": "h", "pid": 1}\n')
    (tmp_path / f"{second}.jsonl").write_text('{"end": {"number": 0, "outcome": {}, "error": ""}}\n')
    journal = Journal(tmp_path)
    assert (journal.running(), len(journal.ended())) == ({}, 1)


def test_abandoned_runs(tmp_path: Path) -> None:
    """Abandoned runs are returned once; started again, they are running again."""
    journal = Journal(tmp_path)
    journal.start([0, 1, 2])
    journal.end(Ended(1, {}, ""))
    assert journal.abandon() == {0, 2}
    assert (journal.abandon(), journal.running()) == (set(), {})
    journal.start([2])
    assert list(journal.running()) == [2]


def test_a_stop_is_seen_by_all(tmp_path: Path) -> None:
    """Every reader of the folder sees the stop; stopping twice is no error."""
    Journal(tmp_path).stop()
    Journal(tmp_path).stop()
    assert Journal(tmp_path).stopped


def test_a_stop_spares_the_process_that_asks(tmp_path: Path) -> None:
    """The process that stops the sweep gets no signal."""
    journal = Journal(tmp_path)
    journal.start([0])
    journal.stop()
    assert len(journal.running()) == 1


def test_a_stop_ends_runs_in_other_processes(tmp_path: Path) -> None:
    """A run in another process of this machine gets SIGTERM."""
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        mark(tmp_path, 0, other.pid, socket.gethostname())
        Journal(tmp_path).stop()
        assert other.wait(timeout=30) == -signal.SIGTERM
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("ended", [True, False])
def test_a_stop_leaves_others_alone(tmp_path: Path, ended: bool) -> None:
    """A process on another machine, or whose run has ended, gets no signal."""
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        mark(tmp_path, 0, other.pid, socket.gethostname() if ended else "elsewhere.invalid")
        if ended:
            Journal(tmp_path).end(Ended(0, {}, ""))
        Journal(tmp_path).stop()
        other.communicate(b"\n", timeout=30)
        assert other.returncode == 0
    finally:
        other.kill()
        other.wait()


def test_a_stop_does_not_mind_a_process_that_is_gone(tmp_path: Path) -> None:
    """A dead process does not prevent stopping."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    mark(tmp_path, 0, gone.pid, socket.gethostname())
    Journal(tmp_path).stop()
    assert Journal(tmp_path).stopped


def mark(folder: Path, number: int, pid: int, host: str) -> None:
    """The mark of a run that another process started."""
    line = json.dumps({"start": [number], "host": host, "pid": pid})
    (folder / f"{host}-{pid}.jsonl").write_text(line + "\n")
