"""The heartbeat tag that shows other machines that a run's process is alive."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache

from qsweep.system.liveness import HEARTBEAT

BEAT_SECONDS = 60.0


class Heartbeat:
    """Updates a run's heartbeat tag once a minute until it is stopped.

    send: sets the run's tag `qsweep.alive` to its argument, the time in Unix seconds. One thread per process
    calls it for all runs: an episode may take longer than a minute, and most runs end before the first beat.
    """

    def __init__(self, send: Callable[[str], object]) -> None:
        self._active = _of_process(os.getpid())
        self._active[self] = send

    def stop(self) -> None:
        """Stop, because the run has ended."""
        self._active.pop(self, None)


def sign_of_life() -> dict[str, str]:
    """Return the heartbeat tag for the present time."""
    return {HEARTBEAT: f"{time.time():.0f}"}


@cache
def _of_process(_number: int) -> dict[Heartbeat, Callable[[str], object]]:
    """Return a process's active heartbeats, with a thread; a fork inherits neither runs nor thread."""
    active: dict[Heartbeat, Callable[[str], object]] = {}
    threading.Thread(target=_beat, args=(active,), daemon=True).start()
    return active


def _beat(active: dict[Heartbeat, Callable[[str], object]]) -> None:
    while True:
        time.sleep(BEAT_SECONDS)
        for heartbeat, send in list(active.items()):
            if heartbeat in active:  # a run may have ended during the calls for others
                with suppress(Exception):  # an unreachable store gets the next one
                    send(sign_of_life()[HEARTBEAT])
