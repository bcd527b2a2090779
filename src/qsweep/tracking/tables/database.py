"""The database interface that `run_tables` needs: transactions of a few statements."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from qsweep.tracking.tables.curve_rows import Curve
from qsweep.tracking.tables.shape import Table

T = TypeVar("T")


class DatabaseError(Exception):
    """A statement failed because the database is unreachable, full, read-only or not MLflow's."""


class Transaction(Protocol):
    """Statements that take effect together or not at all; `?` is the placeholder for a value."""

    def rows(self, statement: str, given: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query, or of a statement that returns some."""

    def run(self, statement: str, given: Iterable[Sequence[Any]]) -> None:
        """Execute a statement once per sequence of values."""

    def add_points(self, run_id: str, curves: Iterable[Curve]) -> None:
        """Add rows to `metrics`; existing ones are unchanged."""


class Database(Protocol):
    """A database with MLflow's tables."""

    def read(self, query: str, given: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query. Raises DatabaseError."""

    def write(self, change: Callable[[Transaction], T]) -> T:
        """Call `change` in a transaction and return its result. It may be called again after an error.

        Waits for other writers, and for a limited time for an unreachable server, then raises
        DatabaseError. An exception from `change` rolls the transaction back.
        """

    def tables(self, names: Iterable[str]) -> dict[str, Table]:
        """Return those of the named tables that exist, as the schema describes them. Raises DatabaseError."""


class PerThread:
    """One connection per thread and process; a fork must not share its parent's."""

    def __init__(self) -> None:
        self._local = threading.local()

    def get(self, connect: Callable[[], Any]) -> Any:
        """Return the connection of this thread, which `connect` makes.

        It has no reference to its database: one that is dropped closes its files at once.
        """
        held = getattr(self._local, "held", None)
        if held is None or held[0] != os.getpid():
            # A fork keeps its parent's connection referenced: closing it would end the parent's session.
            self._local.held = held = (os.getpid(), connect(), held)
        return held[1]

    def forget(self) -> None:
        """Reconnect at the next use."""
        self._local.held = None
