"""The processes that joblib starts for a sweep."""

from __future__ import annotations

import os
import shutil
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from qsweep.system.exit_with_parent import exit_with_parent
from qsweep.system.interrupts import STOPS, ignore_stops


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


@contextmanager
def started_undisturbed() -> Iterator[None]:
    """A context in which joblib starts workers with stop signals blocked, until `begin_worker`.

    A terminal's Ctrl-C reaches every process. A worker that died of it while it starts or waits would break
    joblib's pool, which then kills the other workers while they save their runs.
    """
    try:
        from joblib.externals.loky.backend import fork_exec as loky
    except ImportError:  # another release of joblib: the sweep does without
        yield
        return
    fork_exec = loky.fork_exec

    def fork_exec_blocked(*command: Any, **options: Any) -> int:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        try:
            return int(fork_exec(*command, **options))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    loky.fork_exec = fork_exec_blocked
    try:
        yield
    finally:
        loky.fork_exec = fork_exec


def begin_worker(parent: int) -> None:
    """Prepare this process as a worker of `parent`: it ends with it, and only runs handle stop signals."""
    exit_with_parent(parent)
    ignore_stops()
