"""SIGINT and SIGTERM as a request to stop, so that a run ends at a point from which it can be resumed."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType
from typing import Any, Self

STOPS = (signal.SIGINT, signal.SIGTERM)
SAME_REQUEST_SECONDS = 1.0
"""Two signals closer than this are one request: a terminal and a parent process may both send."""


class Interrupted(KeyboardInterrupt):
    """A signal asked the process to stop. signum: the signal's number."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


def mark_interrupts() -> None:
    """Let Ctrl-C raise `Interrupted`, which differs from a KeyboardInterrupt that foreign code raises."""
    main = threading.current_thread() is threading.main_thread()
    if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(signum: int, _: FrameType | None) -> None:
    raise Interrupted(signum)


def ignore_stops() -> None:
    """Let this process ignore SIGINT and SIGTERM from now on, outside `StopRequests`, whoever sends them.

    Programs that it starts do not ignore them; processes that it forks without another program do.
    """
    for signum in STOPS:
        signal.signal(signum, lambda *_: None)  # unlike SIG_IGN, it does not outlive an exec
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


class StopRequests:
    """A context in which the first SIGINT or SIGTERM is only recorded, and the next `check` raises.

    A second, later signal raises at once, for work that never calls `check`. Once an exception was raised,
    signals are ignored, so that the interrupted work can be saved. Outside the main thread, where Python
    receives no signals, the context does nothing.
    """

    def __init__(self) -> None:
        self._signum: int | None = None
        self._at = 0.0
        self._raised = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for signum in STOPS:
                self._before[signum] = signal.signal(signum, self._remember)
        return self

    def __exit__(self, *error: object) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    def _remember(self, signum: int, frame: FrameType | None) -> None:
        if self._raised:
            return
        if self._signum is None:
            self._signum, self._at = signum, time.monotonic()
        elif time.monotonic() - self._at > SAME_REQUEST_SECONDS:
            self._raised = True
            raise Interrupted(signum)

    def check(self) -> None:
        """Raise Interrupted if a signal was received."""
        if self._signum is not None:
            self._raised = True
            raise Interrupted(self._signum)
