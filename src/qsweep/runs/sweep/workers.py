"""The processes that joblib starts for a sweep."""

from __future__ import annotations

import os
import shutil
import signal
import warnings
from contextlib import suppress
from typing import Any


def end_without_pgrep() -> None:
    """Let joblib end its workers on a system without pgrep, such as a small container.

    joblib looks for a worker's children with pgrep. Without it, it warns, and calls a method that its class
    of processes lacks. Workers of a sweep have no children.
    """
    if shutil.which("pgrep"):
        return
    from joblib.externals.loky.backend.popen_loky_posix import Popen

    warnings.filterwarnings("ignore", "Failed to kill subprocesses on this platform")
    Popen.kill = _kill


def _kill(process: Any) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
