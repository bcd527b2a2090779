"""MLflow stores: locating, creating and opening them by URI."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from qsweep.errors import Problem, UsageError, one_line
from qsweep.system import extras
from qsweep.system.start_folder import start_folder
from qsweep.system.tracking_uri import default_uri, remedy_of
from qsweep.tracking.tables import schema, shape
from qsweep.tracking.tables.database import Database, DatabaseError
from qsweep.tracking.tables.new_store import make_store
from qsweep.tracking.tables.run_tables import RunTables
from qsweep.tracking.tables.sqlite_database import SqliteDatabase, create_once, holds_anything
from qsweep.tracking.tables.sqlite_file import LONGEST_PATH, SqliteFile, sqlite_file

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from qsweep.tracking.patience import RetryingClient

LOCAL_FOLDER = "mlruns"
DATABASE = "mlflow.db"
POSTGRESQL = r"postgresql://[^@?]+"
"""Without user and password, which libpq takes from the environment."""
URIS = rf"local|https?://[^@]+|sqlite:///.+|{POSTGRESQL}"
RULE = "must be local, http(s)://HOST, sqlite:///FILE or postgresql://HOST/DATABASE, without user or password"
UNAUTHORIZED = 401

_REACHED: set[str] = set()
"""Servers that have answered this process, so their addresses are right."""


@dataclass(frozen=True)
class Store:
    """An open MLflow store.

    uri: in MLflow's form. artifacts: the artifact folder for new experiments, None for a server. tables: for
    writing runs without MLflow, None for a server and if the tables differ from those known to qsweep.
    differs: the difference, in words.
    """

    uri: str
    artifacts: Path | None
    tables: RunTables | None = None
    differs: str = ""

    @property
    def database(self) -> Path | None:
        """The file of an SQLite store; None for other stores."""
        return database_of(self.uri)

    @property
    def writable(self) -> bool:
        """False for an SQLite store that can only be read."""
        return self.database is None or self._opened.writable

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's client. The first access imports MLflow, which takes a second."""
        from mlflow import MlflowClient

        if self.artifacts is None:
            from qsweep.tracking.patience import RetryingClient

            return cast(
                "MlflowClient", RetryingClient(MlflowClient(self.uri, registry_uri=self.uri), self.uri)
            )
        uri = self.uri if self.database is None else self._opened.mlflow_uri
        return MlflowClient(uri, registry_uri=uri)

    def experiment_tags(self, experiment_id: str) -> Mapping[str, str]:
        """Return the tags of an experiment."""
        if self.tables is not None:
            return self.tables.experiment_tags(int(experiment_id))
        tags: dict[str, str] = self.client.get_experiment(experiment_id).tags
        return tags

    def tag_experiment(self, experiment_id: str, key: str, value: str) -> None:
        """Set a tag of an experiment."""
        if self.tables is not None:
            self.tables.tag_experiment(int(experiment_id), key, value)
        else:
            self.client.set_experiment_tag(experiment_id, key, value)

    @property
    def _opened(self) -> SqliteFile:
        assert self.database is not None
        tables = self.tables.database if self.tables else None
        return tables.opened if isinstance(tables, SqliteDatabase) else sqlite_file(self.database)


def local_database(folder: Path | None = None) -> Path:
    """Return the database path of a folder's local store (default: of the command's folder)."""
    return (folder or start_folder()).absolute() / LOCAL_FOLDER / DATABASE


def database_of(uri: str) -> Path | None:
    """Return the database file of a local store's URI; None for other URIs."""
    if uri != "local" and not uri.startswith("sqlite:///"):
        return None
    return local_database() if uri == "local" else start_folder() / uri.removeprefix("sqlite:///")


def unfinished_tables(ask: Callable[[str], Iterable[tuple[Any, ...]]]) -> list[str]:
    """Return a migration's temporary tables: it was interrupted, or is running.

    ask: runs a query on an SQLite database and returns the rows.
    """
    pattern = "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB '_alembic_tmp_*'"
    return [str(row[0]) for row in ask(pattern)]


def literal(text: str) -> str:
    """Return a literal for MLflow's filters. They have no escapes: `text` may have one kind of quotes."""
    quote_mark = '"' if "'" in text else "'"
    return f"{quote_mark}{text}{quote_mark}"


def open_store(uri: str, create: bool = True, patient: bool = False) -> Store:
    """Open the store of a `tracking.uri`; a local or PostgreSQL one is created if it does not exist.

    uri: "auto" is the store that MLFLOW_TRACKING_URI names, or the local one. patient: retry a server that
    does not answer for BUDGET_SECONDS, instead of FIRST_BUDGET_SECONDS. Raises UsageError if the store cannot
    be opened, has another MLflow version's schema, or does not exist and `create` is False.
    """
    uri = default_uri() if uri == "auto" else uri
    if not re.fullmatch(URIS, uri):
        raise UsageError([Problem("tracking.uri", RULE, uri, remedy_of(uri))])
    if uri.startswith("http"):
        return _server(uri, patient)
    if uri.startswith("postgresql:"):
        return _postgresql(uri, create, local_database().parent)
    database = database_of(uri)
    assert database is not None
    if problems := [*_path_problems(uri, database)]:
        raise UsageError(problems)
    if not create and not holds_anything(database):
        remedy = "run qsweep train first, or change to the folder with mlruns/"
        raise UsageError([Problem("tracking.uri", "store does not exist", str(database), remedy)])
    try:
        return _local(database)
    except (OSError, sqlite3.Error, DatabaseError) as error:
        rule = "must be a readable and writable file in a writable folder"
        raise UsageError([Problem("tracking.uri", rule, str(database), str(error))]) from None


def _path_problems(uri: str, database: Path) -> Iterator[Problem]:
    """Yield the problems of a database's path, which SQLite and MLflow would misread."""
    if (length := len(os.fsencode(database))) > LONGEST_PATH:
        rule = f"must be a path of at most {LONGEST_PATH} bytes, because of SQLite; this one has {length:,}"
        yield Problem("tracking.uri", rule, f"...{str(database)[-60:]}", "use a folder with a shorter path")
    if "?" in str(database) or unquote(str(database)) != str(database):
        rule = "must be in a folder whose path contains no ? and no %XX, which SQLite URIs misread"
        yield Problem("tracking.uri", rule, str(database), "rename the folder")
    if uri.removeprefix("sqlite:///").startswith("~"):
        remedy = "write the folder, or sqlite:///${oc.env:HOME}/FILE"
        yield Problem("tracking.uri", "must not begin with ~, which is not expanded here", uri, remedy)


def open_tracked(uri: str, patient: bool = False, create: bool = True) -> Store | None:
    """Open the store of a `tracking.uri` as `open_store` does; None for 'none'."""
    return None if uri == "none" else open_store(uri, create, patient)


def _local(database: Path) -> Store:
    create_once(database, lambda new: make_store(new, database.parent / "artifacts"))
    uri = f"sqlite:///{database}"
    status = database.stat()
    file = _sqlite(database, status.st_dev, status.st_ino)
    found = versions_in(file)  # raises if it is no MLflow store
    if unfinished_tables(file.read):
        rule = "is being migrated, or a migration was interrupted"
        raise UsageError([Problem("tracking.uri", rule, str(database), "qsweep doctor --fix")])
    schema.check(found, uri, (f"mlflow db upgrade {uri}", "qsweep doctor --fix"))
    return _with_tables(uri, database.parent / "artifacts", file, {**shape.RUNS, **shape.REGISTRY})


def _with_tables(uri: str, artifacts: Path, database: Database, used: Mapping[str, shape.Known]) -> Store:
    """Return a store, without tables if one of those that would be used differs."""
    differs = shape.difference(database.tables(used), used)
    return Store(uri, artifacts, None if differs else RunTables(database), differs)


@lru_cache(maxsize=8)  # reading the schema, of some sixty tables, takes longer than recording a run
def _sqlite(database: Path, device: int, inode: int) -> SqliteDatabase:  # noqa: ARG001
    """Return the open database. While it is open, a file that replaces it has another inode."""
    return SqliteDatabase(database)


def versions_in(database: Database) -> list[str]:
    """Return the schema versions in `alembic_version`. Raises DatabaseError if it is no MLflow store."""
    rows = database.read("SELECT version_num FROM alembic_version")
    return [version for (version,) in rows if isinstance(version, str)]  # SQLite keeps values of any type


@lru_cache  # connecting takes longer than recording a run
def _postgresql(uri: str, create: bool, folder: Path) -> Store:
    try:
        from qsweep.tracking.tables import postgresql_database as postgresql
    except ImportError:
        remedy = extras.remedy("postgresql", ["psycopg"])
        raise UsageError([Problem("tracking.uri", "needs psycopg", uri, remedy)]) from None
    found = postgresql.versions(uri)
    if found is None and not create:
        remedy = "run qsweep train first, or give another database"
        raise UsageError([Problem("tracking.uri", "store does not exist", uri, remedy)])
    found = postgresql.create(uri, folder / "artifacts") if found is None else found
    schema.check(found, uri, (f"mlflow db upgrade {uri}",))
    return _with_tables(uri, folder / "artifacts", postgresql.PostgresqlDatabase(uri), shape.RUNS)


def _server(uri: str, patient: bool) -> Store:
    from qsweep.tracking.patience import BUDGET_SECONDS, FIRST_BUDGET_SECONDS

    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # RetryingClient retries
    store = Store(uri, None)
    try:
        client = cast("RetryingClient", store.client)
        client.budget = BUDGET_SECONDS if patient or uri in _REACHED else FIRST_BUDGET_SECONDS
        client.search_experiments(max_results=1)
    except Exception as error:  # many kinds, of requests and MLflow
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
