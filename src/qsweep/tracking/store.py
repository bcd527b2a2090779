"""The MLflow store: where it lies, made once and whole, opened by URI."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from filelock import FileLock

from qsweep.errors import Problem, UsageError, one_line
from qsweep.system.atomic_files import sync_folder
from qsweep.tracking.tables import schema
from qsweep.tracking.tables.database import Database, DatabaseError
from qsweep.tracking.tables.run_tables import RunTables
from qsweep.tracking.tables.sqlite_database import PAGE_BYTES, SqliteDatabase

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from qsweep.tracking.patience import PatientClient

LOCAL_FOLDER = "mlruns"
DATABASE = "mlflow.db"
POSTGRESQL = r"postgresql://[^@?]+"
"""Without user and password: libpq has them from the environment."""
URIS = rf"local|https?://[^@]+|sqlite:///.+|{POSTGRESQL}"
RULE = "must be local, http(s)://HOST, sqlite:///FILE or postgresql://HOST/DATABASE, without user or password"
UNAUTHORIZED = 401

_REACHED: set[str] = set()
"""Servers that have answered this process: their addresses are right."""


@dataclass(frozen=True)
class Store:
    """An open MLflow store.

    uri: as MLflow's own tools take it. artifacts: the folder for those of new experiments, None for a
    server's. tables: where runs can be written without MLflow, None for a server, and for tables of a
    version that is not known here.
    """

    uri: str
    artifacts: Path | None
    tables: RunTables | None = None

    @property
    def database(self) -> Path | None:
        """The file of a store on SQLite; None for any other."""
        file = self.uri.removeprefix("sqlite:///")
        return None if file == self.uri else Path(file)

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's client; MLflow is imported when it is first asked for, which takes a second."""
        from mlflow import MlflowClient

        if self.artifacts is None:
            from qsweep.tracking.patience import PatientClient

            return cast(
                "MlflowClient", PatientClient(MlflowClient(self.uri, registry_uri=self.uri), self.uri)
            )
        return MlflowClient(self.uri, registry_uri=self.uri)


def local_database(folder: Path | None = None) -> Path:
    """The database of the store that belongs to a folder (the current one)."""
    return (folder or Path.cwd()).absolute() / LOCAL_FOLDER / DATABASE


def database_of(uri: str) -> Path | None:
    """The database file of a local store's URI; None for any other."""
    if uri != "local" and not uri.startswith("sqlite:///"):
        return None
    return local_database() if uri == "local" else Path(uri.removeprefix("sqlite:///")).absolute()


def unfinished_tables(ask: Callable[[str], Iterable[tuple[Any, ...]]]) -> list[str]:
    """Tables that a migration fills before they take another's place: it was cut short, or is in hand.

    ask: gives the rows that a query finds in an SQLite database.
    """
    pattern = "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB '_alembic_tmp_*'"
    return [str(row[0]) for row in ask(pattern)]


def literal(text: str) -> str:
    """A string in MLflow's filters, which have no escapes: `text` may hold one kind of quotes only."""
    quote_mark = '"' if "'" in text else "'"
    return f"{quote_mark}{text}{quote_mark}"


def open_store(uri: str, create: bool = True, patient: bool = False) -> Store:
    """Open the store of a `tracking.uri`, making a local one that is not there yet.

    patient: whether a server that does not answer is waited for at length.
    Raises UsageError where it cannot be opened, is of another version of MLflow's, or does not exist and
    `create` is False.
    """
    if not re.fullmatch(URIS, uri):
        raise UsageError([Problem("tracking.uri", RULE, uri)])
    if uri.startswith("http"):
        return _server(uri, patient)
    if uri.startswith("postgresql:"):
        return _postgresql(uri, create, local_database().parent)
    database = database_of(uri)
    assert database is not None
    if not create and not _holds_anything(database):
        remedy = "run qsweep train first, or change to the folder with mlruns/"
        raise UsageError([Problem("tracking.uri", "store does not exist", str(database), remedy)])
    if "?" in str(database) or unquote(str(database)) != str(database):
        rule = "must be in a folder whose path contains no ? and no %XX, which SQLite URIs misread"
        raise UsageError([Problem("tracking.uri", rule, str(database), "rename the folder")])
    try:
        return _local(database)
    except (OSError, sqlite3.Error, DatabaseError) as error:
        rule = "must be a readable and writable file in a writable folder"
        raise UsageError([Problem("tracking.uri", rule, str(database), str(error))]) from None


def open_tracked(uri: str, patient: bool = False) -> Store | None:
    """Open the store of a `tracking.uri` as `open_store` does; None where nothing is tracked."""
    return None if uri == "none" else open_store(uri, patient=patient)


def _local(database: Path) -> Store:
    database.parent.mkdir(parents=True, exist_ok=True)
    if not _holds_anything(database):
        # Two processes that migrate one fresh file destroy it: one makes it, aside, the others wait.
        with FileLock(database.with_suffix(".lock")):
            if not _holds_anything(database):
                _create(database)
    uri = f"sqlite:///{database}"
    status = database.stat()
    file = _opened(database, status.st_dev, status.st_ino)
    found = versions_in(file)  # refuses what is no such database
    if unfinished_tables(file.read):
        rule = "is being migrated, or a migration was interrupted"
        raise UsageError([Problem("tracking.uri", rule, str(database), "qsweep doctor --fix")])
    version = schema.check(found, uri, (f"mlflow db upgrade {uri}", "qsweep doctor --fix"))
    tables = RunTables(file) if version in schema.KNOWN else None
    return Store(uri, database.parent / "artifacts", tables)


@lru_cache(maxsize=8)  # to read the schema, of some sixty tables, takes longer than all that a run says
def _opened(database: Path, device: int, inode: int) -> SqliteDatabase:  # noqa: ARG001
    """A file, open; another file that has taken its place is another inode, as long as this one is open."""
    return SqliteDatabase(database)


def versions_in(database: Database) -> list[str]:
    """What its `alembic_version` says. Raises DatabaseError where it is no MLflow store."""
    return [version for (version,) in database.read("SELECT version_num FROM alembic_version")]


@lru_cache  # a connection takes longer than all that a run says on it
def _postgresql(uri: str, create: bool, folder: Path) -> Store:
    try:
        from qsweep.tracking.tables import postgresql_database as postgresql
    except ImportError:
        remedy = "pip install 'qsweep[postgresql]'"
        raise UsageError([Problem("tracking.uri", "needs psycopg", uri, remedy)]) from None
    found = postgresql.versions(uri)
    if found is None and not create:
        remedy = "run qsweep train first, or give another database"
        raise UsageError([Problem("tracking.uri", "store does not exist", uri, remedy)])
    found = postgresql.create(uri, folder / "artifacts") if found is None else found
    version = schema.check(found, uri, (f"mlflow db upgrade {uri}",))
    tables = RunTables(postgresql.PostgresqlDatabase(uri)) if version in schema.KNOWN else None
    return Store(uri, folder / "artifacts", tables)


def _holds_anything(database: Path) -> bool:
    # SQLite makes an empty file when someone merely looks.
    return database.exists() and database.stat().st_size > 0


def _create(database: Path) -> None:
    aside = database.with_suffix(".new")
    for left in database.parent.glob(f"{aside.name}*"):
        left.unlink()
    schema.make_tables(f"sqlite:///{aside}", database.parent / "artifacts")
    with sqlite3.connect(aside) as connection:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("VACUUM")  # writes them so
        # Readers (the UI) then do not block writers, nor the other way round.
        connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    with aside.open("rb") as file:
        os.fsync(file.fileno())
    aside.replace(database)
    sync_folder(database.parent)


def _server(uri: str, patient: bool) -> Store:
    from qsweep.tracking.patience import BUDGET_SECONDS, FIRST_BUDGET_SECONDS

    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # the patience is our own
    store = Store(uri, None)
    client = cast("PatientClient", store.client)
    client.budget = BUDGET_SECONDS if patient or uri in _REACHED else FIRST_BUDGET_SECONDS
    try:
        client.search_experiments(max_results=1)
    except Exception as error:  # requests' and MLflow's, of many kinds
        raise UsageError([_refusal(uri, error)]) from error
    _REACHED.add(uri)
    client.budget = BUDGET_SECONDS
    return store


def _refusal(uri: str, error: Exception) -> Problem:
    status = getattr(error, "get_http_status_code", lambda: 0)()
    if status == UNAUTHORIZED:
        rule = "must be a server that accepts this user and password"
        remedy = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        return Problem("tracking.uri", rule, uri, remedy)
    reason = one_line(error)
    return Problem("tracking.uri", "must be a running MLflow tracking server", uri, reason)
