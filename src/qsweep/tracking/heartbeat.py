"""A sign of life for other machines: the tag by which they know that a run's process is there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

BEAT_SECONDS = 60.0

_beating: dict[Heartbeat, Callable[[str], object]] = {}
_starting = threading.Lock()
_thread: threading.Thread | None = None


class Heartbeat:
    """Says once a minute that a run lives, until it is stopped.

    say: sets the run's tag `qsweep.alive` to what it is given, the time in Unix seconds. It is called in one
    thread for all runs of a process, for an episode may take longer, and most runs end before the first beat.
    """

    def __init__(self, say: Callable[[str], object]) -> None:
        global _thread
        _beating[self] = say
        with _starting:
            if _thread is None or not _thread.is_alive():  # in a forked process it is not
                _thread = threading.Thread(target=_beat, daemon=True)
                _thread.start()

    def stop(self) -> None:
        """The run has ended."""
        _beating.pop(self, None)


def _beat() -> None:
    while True:
        time.sleep(BEAT_SECONDS)
        for heart, say in list(_beating.items()):
            if heart in _beating:  # others may have ended while one was speaking
                with suppress(Exception):  # a store that is away for a moment hears the next one
                    say(f"{time.time():.0f}")
