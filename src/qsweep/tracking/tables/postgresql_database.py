"""MLflow's tables in a PostgreSQL database (psycopg 3, the extra `postgresql`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from qsweep.errors import Problem, UsageError, one_line
from qsweep.tracking.tables import schema
from qsweep.tracking.tables.curve_rows import COLUMNS, Curve
from qsweep.tracking.tables.database import DatabaseError, PerThread, Transaction

T = TypeVar("T")

ATTEMPTS = 10
_LOCK = 5_117_920_481
"""Names the advisory lock under which a fresh database is filled; any number of our own will do."""
FIRST_WAIT = 0.1
"""Seconds until the second attempt; each wait is twice the one before, 51 s in all."""
_INSERT = f"""
INSERT INTO metrics ({", ".join(COLUMNS)})
SELECT key, value, timestamp, step, is_nan, %s
FROM unnest(%b::varchar[], %b::float8[], %b::bigint[], %b::bigint[], %b::boolean[])
  AS points (key, value, timestamp, step, is_nan)
ON CONFLICT DO NOTHING
"""  # noqa: S608


class PostgresqlDatabase:
    """The tables of a database; safe to use by many threads and processes at once.

    uri: without user and password, which libpq finds in PGUSER, PGPASSWORD, PGPASSFILE or PGSERVICE.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._connections = PerThread(self._connect)

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self._uri, autocommit=True)

    def read(self, query: str, given: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows that a query finds."""
        return self.write(lambda transaction: transaction.rows(query, given))

    def write(self, change: Callable[[Transaction], T]) -> T:
        """Make a change in a transaction; again where the server went away."""
        for attempt in range(ATTEMPTS):
            try:
                connection = self._connections.get()
                with connection.transaction():
                    return change(_Transaction(connection))
            except psycopg.OperationalError as error:
                self._connections.forget()
                if attempt == ATTEMPTS - 1:
                    raise DatabaseError(str(error)) from error
                time.sleep(FIRST_WAIT * 2**attempt)
            except psycopg.Error as error:
                raise DatabaseError(str(error)) from error
        raise AssertionError


def versions(uri: str) -> list[str] | None:
    """What a database's `alembic_version` says; None where there are no tables at all.

    Raises UsageError where the database does not answer, or its tables are not MLflow's.
    """
    with _connected(uri) as connection:
        return _versions(connection, uri)


def create(uri: str, artifacts: Path) -> list[str]:
    """Make MLflow's tables in an empty database, unless another process was quicker; returns `versions`."""
    with _connected(uri) as connection:
        # Held until the connection ends. Two processes that migrate one fresh database fail.
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        if _versions(connection, uri) is None:
            schema.make_tables(sqlalchemy_uri(uri), artifacts)
        return _versions(connection, uri) or []


def sqlalchemy_uri(uri: str) -> str:
    """The same database for SQLAlchemy, by psycopg 3, which its version 2.1 takes anyway."""
    return uri.replace("postgresql", "postgresql+psycopg", 1)


def _connected(uri: str) -> psycopg.Connection[tuple[Any, ...]]:
    try:
        return psycopg.connect(uri, autocommit=True, connect_timeout=10)
    except psycopg.Error as error:
        rule = "must be a PostgreSQL database to which PGUSER, PGPASSWORD or PGPASSFILE give access"
        reason = one_line(error)
        raise UsageError([Problem("tracking.uri", rule, uri, reason)]) from None


def _versions(connection: psycopg.Connection[tuple[Any, ...]], uri: str) -> list[str] | None:
    find = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    tables = {name for (name,) in connection.execute(find)}
    if not tables:
        return None
    if "alembic_version" not in tables:
        rule = "the database contains tables that are not MLflow's"
        raise UsageError([Problem("tracking.uri", rule, uri, "use a separate database")])
    return [version for (version,) in connection.execute("SELECT version_num FROM alembic_version")]


class _Transaction:
    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self._connection = connection

    def rows(self, statement: str, given: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        done = self._connection.execute(_marked(statement), given)
        return done.fetchall() if done.description else []

    def run(self, statement: str, given: Iterable[Sequence[Any]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(_marked(statement), given)

    def add_points(self, run_id: str, curves: Iterable[Curve]) -> None:
        # One statement with an array for each column: as fast as COPY, and it takes what is there already.
        keys: list[str] = []
        values: list[float] = []
        timestamps: list[int] = []
        steps: list[int] = []
        nans: list[bool] = []
        for curve in curves:
            count = len(curve.steps)
            keys += [curve.key] * count
            values += curve.values
            timestamps += curve.timestamps
            steps += curve.steps
            nans += [curve.is_nan] * count
        self._connection.execute(_INSERT, (run_id, keys, values, timestamps, steps, nans))


@lru_cache
def _marked(statement: str) -> bytes:
    """A statement with psycopg's place holders."""
    return statement.replace("?", "%s").encode()
