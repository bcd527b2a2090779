"""A worker's process leaves when the process that it works for is gone.

A pool's workers wait for their next task, or to hand over a result, in pipes that they hold open themselves:
where the process at the other end was killed, they would wait forever.
"""

from __future__ import annotations

import os
import threading
import time

BUSY = threading.Lock()
"""Held while there is work that is better ended than cut off."""
EVERY = 1.0
"""Seconds between two looks."""


def leave_with(parent: int) -> None:
    """From now on, end this process once its parent is no longer `parent` and nothing holds `BUSY`."""
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(EVERY)
    with BUSY:
        os._exit(1)
