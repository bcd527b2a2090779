from __future__ import annotations

import os
import subprocess
import sys
import time
from operator import truediv
from pathlib import Path

import pytest

from qsweep.problems import Problem, UsageError
from qsweep.report.beside import second_process

KILLED = """
import os, signal, sys
from qsweep.report.beside import second_process

if __name__ == "__main__":
    os.sched_getaffinity = lambda _: {0, 1}
    with second_process() as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which a second process pays."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})


def refuse(folder: Path) -> None:
    (folder / f"begun-{os.getpid()}").touch()
    raise UsageError([Problem("key", "a rule", "a value"), Problem("other", "another")])


def held(folder: Path) -> int:
    """The process that this is done in, as soon as it may be, and note that it has been begun."""
    (folder / f"begun-{os.getpid()}").touch()
    while not (folder / "go").exists():
        time.sleep(0.02)
    return os.getpid()


@pytest.mark.usefixtures("two_cores")
def test_work_is_done_by_whoever_is_free_first(tmp_path: Path) -> None:
    """By the other process, which is gone afterwards; what it has not begun with when it is wanted, here."""
    with second_process() as pool:
        first = pool.submit(held, tmp_path)
        others = [pool.submit(os.getpid) for _ in range(4)]
        while not list(tmp_path.glob("begun-*")):
            time.sleep(0.02)
        assert others[-1].result() == os.getpid()
        (tmp_path / "go").touch()
        other = first.result()
    assert other != os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(other, 0)


@pytest.mark.usefixtures("two_cores")
def test_problems_come_out_of_it_whole(tmp_path: Path) -> None:
    """What work raises there is raised here, with all of its problems."""
    with second_process() as pool:
        refused, _ = pool.submit(refuse, tmp_path), pool.submit(os.getpid)
        while not list(tmp_path.glob("begun-*")):
            time.sleep(0.02)
        with pytest.raises(UsageError) as raised:
            refused.result()
    assert [problem.key for problem in raised.value.problems] == ["key", "other"]
    assert not (tmp_path / f"begun-{os.getpid()}").exists()


def test_one_core_has_no_second_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """There work is done here, once, when it is asked for; what it raises is raised."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    calls: list[int] = []
    with second_process() as pool:
        work = pool.submit(calls.append, 1)
        assert calls == []
        work.result()
        work.result()
        assert calls == [1]
        failing = pool.submit(truediv, 1, 0)
        with pytest.raises(ZeroDivisionError):
            failing.result()


def test_it_does_not_outlive_the_first(tmp_path: Path) -> None:
    """A process that is killed leaves none behind."""
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    ran = subprocess.run([sys.executable, script], stdout=subprocess.PIPE, text=True, timeout=120)
    left, deadline = int(ran.stdout), time.monotonic() + 20
    while time.monotonic() < deadline and beside_lives(left):
        time.sleep(0.05)
    assert not beside_lives(left)


def beside_lives(process: int) -> bool:
    """Whether a process is there, and no zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
