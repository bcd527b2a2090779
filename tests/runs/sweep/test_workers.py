"""Tests of the processes that joblib starts for a sweep."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

KILLED = """
import warnings
warnings.simplefilter("error")
from joblib.externals.loky.backend.context import get_context
from joblib.externals.loky.backend.utils import kill_process_tree
from qsweep.runs.sweep.workers import end_without_pgrep
import time

if __name__ == "__main__":
    end_without_pgrep()
    worker = get_context("loky").Process(target=time.sleep, args=(600,))
    worker.start()
    kill_process_tree(worker)
    assert worker.exitcode == -9, worker.exitcode
"""


def test_a_worker_is_ended_without_pgrep(tmp_path: Path) -> None:
    """Where there is no pgrep, joblib ends a worker without a word."""
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    settings = {**os.environ, "PATH": str(tmp_path)}
    ran = subprocess.run([sys.executable, script], env=settings, capture_output=True, text=True, timeout=120)
    assert (ran.returncode, ran.stderr) == (0, "")


DISTURBED = """
import os, signal, time
from joblib.externals.loky import ProcessPoolExecutor
from qsweep.runs.sweep.workers import begin_worker, started_undisturbed

def work(seconds):
    time.sleep(seconds)
    return seconds

def disturb(pool):
    for worker in list(pool._processes.values()):
        for stop in (signal.SIGINT, signal.SIGTERM):
            os.kill(worker.pid, stop)

if __name__ == "__main__":
    with started_undisturbed():
        pool = ProcessPoolExecutor(2, initializer=begin_worker, initargs=(os.getpid(),))
        first = pool.submit(work, 0)
    disturb(pool)  # while they start
    assert first.result() == 0
    second = pool.submit(work, 1)
    time.sleep(0.5)
    disturb(pool)  # while one works and one waits
    assert second.result() == 1
    pool.shutdown()
"""


def test_stop_signals_kill_no_worker_that_starts_or_waits(tmp_path: Path) -> None:
    """A worker that dies of Ctrl-C breaks the pool, which kills the others while they save their runs."""
    script = tmp_path / "disturbed.py"
    script.write_text(DISTURBED)
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert (ran.returncode, ran.stderr) == (0, "")
