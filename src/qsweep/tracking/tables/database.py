"""What `run_tables` asks of a database: whole transactions of few statements."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from qsweep.tracking.tables.curve_rows import Curve

T = TypeVar("T")


class DatabaseError(Exception):
    """A statement failed for a reason of the database's: it is away, full, read-only or not MLflow's."""


class Transaction(Protocol):
    """Statements that come to pass together, or not at all; `?` stands for a value."""

    def rows(self, statement: str, given: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows that a query finds, or that a statement returns."""

    def run(self, statement: str, given: Iterable[Sequence[Any]]) -> None:
        """Run a statement once for each of the given values."""

    def add_points(self, run_id: str, curves: Iterable[Curve]) -> None:
        """Add rows to `metrics`; those that are there already stay as they are."""


class Database(Protocol):
    """A database with MLflow's tables."""

    def read(self, query: str, given: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows that a query finds. Raises DatabaseError."""

    def write(self, change: Callable[[Transaction], T]) -> T:
        """Make a change, that may be made twice, in a transaction; returns what it returns.

        Waits for others that write, and a while for a server that is away. Raises DatabaseError
        where that does not help; whatever `change` raises undoes it.
        """


class PerThread:
    """A connection for each thread of a process; a forked process, which must not share one, has its own."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._local = threading.local()

    def get(self) -> Any:
        """The connection of this thread."""
        held = getattr(self._local, "held", None)
        if held is None or held[0] != os.getpid():
            # What a forked process has inherited is kept: closing it would end the session of its parent.
            self._local.held = held = (os.getpid(), self._connect(), held)
        return held[1]

    def forget(self) -> None:
        """Connect anew the next time."""
        self._local.held = None
