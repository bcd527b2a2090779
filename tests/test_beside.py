from __future__ import annotations

import os
import subprocess
import sys
import time
from operator import truediv
from pathlib import Path

import pytest

from qsweep.problems import Problem, UsageError
from qsweep.report.beside import Here, second_process

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


def refuse() -> None:
    raise UsageError([Problem("key", "a rule", "a value"), Problem("other", "another")])


@pytest.mark.usefixtures("two_cores")
def test_work_is_done_in_another_process() -> None:
    """All of it in the same one, which is gone afterwards; problems come out of it whole."""
    with second_process() as pool:
        first, second = (pool.submit(os.getpid).result() for _ in range(2))
        with pytest.raises(UsageError) as raised:
            pool.submit(refuse).result()
    assert first == second != os.getpid()
    assert [problem.key for problem in raised.value.problems] == ["key", "other"]
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


def test_one_core_has_no_second_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """There work is done here, once, when it is asked for; what it raises is raised."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    calls: list[int] = []
    with second_process() as pool:
        assert isinstance(pool, Here)
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
