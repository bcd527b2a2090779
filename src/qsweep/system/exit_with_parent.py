"""A worker process that exits when its parent process is gone.

A pool's workers wait for a task, or to return a result, on pipes that they hold open themselves. If the
process at the other end was killed, they would wait forever.
"""

from __future__ import annotations

import os
import threading
import time

BUSY = threading.Lock()
"""Held during work that is to be completed before the process exits."""
CHECK_SECONDS = 1.0
"""Seconds between two checks of the parent."""


def exit_with_parent(parent: int) -> None:
    """End this process once its parent is no longer `parent` and nothing holds `BUSY`; returns at once."""
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(CHECK_SECONDS)
    with BUSY:
        os._exit(1)
