"""A signal that a process gets when the one that started it has died, however that happened."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
"""See prctl(2). It survives exec, but not a change of the user, so it is set after that."""


def signalled_at_death(signum: signal.Signals) -> Callable[[], None] | None:
    """Return what a new process has to call first (`preexec_fn`); None where there is no such signal."""
    if os.uname().sysname != "Linux":
        return None
    prctl, parent = ctypes.CDLL(None, use_errno=True).prctl, os.getpid()

    def prepare() -> None:
        prctl(PR_SET_PDEATHSIG, int(signum), 0, 0, 0)
        if os.getppid() != parent:  # it has died already
            os.kill(os.getpid(), signum)

    return prepare
