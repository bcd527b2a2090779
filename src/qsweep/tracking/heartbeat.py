"""A sign of life for other machines: the tag by which they know that a run's process is there."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from qsweep.liveness import HEARTBEAT
from qsweep.tracking.store import Store

BEAT_SECONDS = 60.0


class Heartbeat:
    """Sets a run's tag `qsweep.alive` every minute until it is stopped, if its store is a server's.

    In a thread, for an episode may take longer. On a machine's own store a lock says it at once.
    """

    def __init__(self, store: Store, run_id: str) -> None:
        self._client, self._run_id = store.client, run_id
        self._over = threading.Event()
        if store.artifacts is None:
            threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            with suppress(Exception):  # a server that is away for a moment hears the next one
                self._client.set_tag(self._run_id, HEARTBEAT, f"{time.time():.0f}")

    def stop(self) -> None:
        """The run has ended."""
        self._over.set()
