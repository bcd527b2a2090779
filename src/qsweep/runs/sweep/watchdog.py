"""Whether somebody still waits for the runs of a batch; where nobody does, they end."""

from __future__ import annotations

import signal
import time
from functools import cached_property

from qsweep.learning.training import Block
from qsweep.runs.progress import Silent
from qsweep.system.interrupts import Interrupted
from qsweep.system.liveness import Owner, is_alive, owner_of
from qsweep.tracking.run_search import run_of
from qsweep.tracking.store import Store, open_store

ASK_SECONDS = 1.0
"""How often a run asks whether the process that launched it lives."""
STORE_SECONDS = 60.0
"""How often it asks the store, where that process is on another machine."""


class Wanted(Silent):
    """Interrupts runs soon after the process that launched them is gone: nobody would hear of them.

    owner: that process. On another machine it is gone once the parent run has ended, or is another
    launch's. parent: the parent run's id, or None.
    """

    def __init__(self, owner: Owner, uri: str, parent: str | None) -> None:
        self._owner, self._uri, self._parent = owner, uri, parent
        self._asked = time.monotonic()
        self._asked_store = float("-inf")
        self._launched = True

    def still(self) -> bool:
        """Whether the process that launched them waits for them."""
        self._asked = time.monotonic()
        known = is_alive(self._owner)
        if known is None and self._parent and self._asked - self._asked_store >= STORE_SECONDS:
            self._asked_store = self._asked
            self._launched = self._in_hand()
        return self._launched if known is None else known

    def _in_hand(self) -> bool:
        """Whether the parent run is in that process's hands."""
        assert self._parent is not None
        try:
            parent = run_of(self._store, self._parent)
        except Exception:  # a server that is away for a moment decides nothing
            return True
        return parent.status == "RUNNING" and owner_of(parent.tags) == self._owner

    @cached_property
    def _store(self) -> Store:
        return open_store(self._uri)

    def update(self, block: Block) -> None:
        """Another block is done."""
        if time.monotonic() - self._asked >= ASK_SECONDS and not self.still():
            raise Interrupted(signal.SIGTERM)
