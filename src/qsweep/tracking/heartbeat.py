"""A sign of life for other machines: the tag by which they know that a run's process is there."""

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
    """Says once a minute that a run lives, until it is stopped.

    say: sets the run's tag `qsweep.alive` to what it is given, the time in Unix seconds. It is called in one
    thread for all runs of a process, for an episode may take longer, and most runs end before the first beat.
    """

    def __init__(self, say: Callable[[str], object]) -> None:
        self._beating = _of_process(os.getpid())
        self._beating[self] = say

    def stop(self) -> None:
        """The run has ended."""
        self._beating.pop(self, None)


def sign_of_life() -> dict[str, str]:
    """The tag of a run that lives now."""
    return {HEARTBEAT: f"{time.time():.0f}"}


@cache
def _of_process(_number: int) -> dict[Heartbeat, Callable[[str], object]]:
    """Who beats in a process, and their thread: a forked one has neither its parent's runs nor thread."""
    beating: dict[Heartbeat, Callable[[str], object]] = {}
    threading.Thread(target=_beat, args=(beating,), daemon=True).start()
    return beating


def _beat(beating: dict[Heartbeat, Callable[[str], object]]) -> None:
    while True:
        time.sleep(BEAT_SECONDS)
        for heart, say in list(beating.items()):
            if heart in beating:  # others may have ended while one was speaking
                with suppress(Exception):  # a store that is away for a moment hears the next one
                    say(sign_of_life()[HEARTBEAT])
