"""A watchdog that ends the runs of a batch once their sweep was stopped or its launching process is gone."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from functools import cached_property

from qsweep.learning.training import Block
from qsweep.system.interrupts import Interrupted
from qsweep.system.liveness import Owner, is_alive, owner_of
from qsweep.tracking.run_search import run_of
from qsweep.tracking.store import Store, open_store

ASK_SECONDS = 1.0
"""Interval of checks for the launching process."""
STORE_SECONDS = 60.0
"""Interval of checks of the parent run in the store, if that process is on another machine."""


class Watchdog:
    """A receiver of blocks that interrupts runs soon after their sweep was stopped or its process is gone.

    owner: the launching process. On another machine it counts as gone once the parent run has ended or
    belongs to another launch. parent: the parent run's id, or None. stopped: whether the sweep was stopped;
    asked for, as the signal may have come before the run handled any.
    """

    def __init__(
        self, owner: Owner, uri: str, parent: str | None, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        self._owner, self._uri, self._parent, self._stopped = owner, uri, parent, stopped
        self._asked = time.monotonic()
        self._asked_store = float("-inf")
        self._launched = True

    def launcher_alive(self) -> bool:
        """Return whether the launching process still runs the sweep."""
        self._asked = time.monotonic()
        known = is_alive(self._owner)
        if known is None and self._parent and self._asked - self._asked_store >= STORE_SECONDS:
            self._asked_store = self._asked
            self._launched = self._parent_owned()
        return self._launched if known is None else known

    def _parent_owned(self) -> bool:
        assert self._parent is not None
        try:
            parent = run_of(self._store, self._parent)
        except Exception:  # an unreachable server is no evidence
            return True
        return parent.status == "RUNNING" and owner_of(parent.tags) == self._owner

    @cached_property
    def _store(self) -> Store:
        return open_store(self._uri)

    def update(self, block: Block) -> None:
        """Receive the next block; raise Interrupted if the sweep was stopped or its process is gone."""
        if time.monotonic() - self._asked < ASK_SECONDS:
            return
        if self._stopped() or not self.launcher_alive():
            raise Interrupted(signal.SIGTERM)
