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
