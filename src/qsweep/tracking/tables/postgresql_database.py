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
from qsweep.tracking.tables.shape import Table, described

T = TypeVar("T")

ATTEMPTS = 10
_LOCK = 5_117_920_481
"""Id of the advisory lock held while the tables are created; an arbitrary number."""
FIRST_WAIT = 0.1
"""Seconds until the second attempt; each wait is twice the previous one, 51 s in total."""
_INSERT = f"""
INSERT INTO metrics ({", ".join(COLUMNS)})
SELECT key, value, timestamp, step, is_nan, %s
FROM unnest(%b::varchar[], %b::float8[], %b::bigint[], %b::bigint[], %b::boolean[])
  AS points (key, value, timestamp, step, is_nan)
ON CONFLICT DO NOTHING
"""  # noqa: S608
_NAMED = "tables.relnamespace = current_schema()::regnamespace AND tables.relname = ANY(?)"
_SCHEMA = (
    f"""
SELECT tables.relname, columns.attname, format_type(columns.atttypid, NULL),
  columns.attnotnull AND NOT columns.atthasdef AND columns.attidentity = ''
FROM pg_class AS tables JOIN pg_attribute AS columns ON columns.attrelid = tables.oid
WHERE tables.relkind IN ('r', 'p') AND columns.attnum > 0 AND NOT columns.attisdropped
  AND columns.attgenerated = '' AND {_NAMED}
""",  # noqa: S608
    f"""
SELECT tables.relname, indexes.indexrelid, columns.attname
FROM pg_index AS indexes JOIN pg_class AS tables ON tables.oid = indexes.indrelid
  JOIN pg_attribute AS columns ON columns.attrelid = indexes.indexrelid
WHERE indexes.indisunique AND columns.attnum <= indexes.indnkeyatts AND {_NAMED}
""",  # noqa: S608
    f"""
SELECT DISTINCT tables.relname FROM pg_trigger AS triggers JOIN pg_class AS tables ON tables.oid = tgrelid
WHERE NOT triggers.tgisinternal AND {_NAMED}
""",  # noqa: S608
)
"""Queries of the columns, unique keys and triggers of tables, whose names are given as a list."""


class PostgresqlDatabase:
    """MLflow's tables in PostgreSQL; safe to use from many threads and processes at once.

    uri: without user and password, which libpq takes from PGUSER, PGPASSWORD, PGPASSFILE or PGSERVICE.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._connections = PerThread()

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self._uri, autocommit=True)

    def read(self, query: str, given: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return self.write(lambda transaction: transaction.rows(query, given))

    def tables(self, names: Iterable[str]) -> dict[str, Table]:
        """Return those of the named tables that exist."""
        given = ([*names],)
        return described(*(self.read(query, given) for query in _SCHEMA))

    def write(self, change: Callable[[Transaction], T]) -> T:
        """Call `change` in a transaction; retry if the connection is lost."""
        for attempt in range(ATTEMPTS):
            try:
                connection = self._connections.get(self._connect)
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
    """Return the schema versions in a database's `alembic_version`; None if it has no tables.

    Raises UsageError if the database cannot be reached, or its tables are not MLflow's.
    """
    with _connected(uri) as connection:
        return _versions(connection, uri)


def create(uri: str, artifacts: Path) -> list[str]:
    """Create MLflow's tables unless another process has done so; returns `versions`."""
    with _connected(uri) as connection:
        # Held until the connection closes. Two processes migrating one new database would fail.
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        if _versions(connection, uri) is None:
            schema.make_tables(sqlalchemy_uri(uri), artifacts)
        return _versions(connection, uri) or []


def sqlalchemy_uri(uri: str) -> str:
    """Return the URI for SQLAlchemy with psycopg 3, the default from SQLAlchemy 2.1 on."""
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
        cursor = self._connection.execute(_marked(statement), given)
        return cursor.fetchall() if cursor.description else []

    def run(self, statement: str, given: Iterable[Sequence[Any]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(_marked(statement), given)

    def add_points(self, run_id: str, curves: Iterable[Curve]) -> None:
        # One statement with an array per column: as fast as COPY, but accepts existing rows.
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
    return statement.replace("?", "%s").encode()
