"""The MLflow store: where it lies, made once and whole, opened by URI."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from filelock import FileLock

from qsweep.durable import sync_folder
from qsweep.problems import Problem, UsageError

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOCAL_FOLDER = "mlruns"
DATABASE = "mlflow.db"
BULK_SCHEME = "qsweep-sqlite"
"""The URI scheme under which MLflow finds `bulk_store`."""


@dataclass(frozen=True)
class Store:
    """An open MLflow store. artifacts: the folder of a local one, None for a server's."""

    uri: str
    client: MlflowClient
    artifacts: Path | None


def local_database(folder: Path | None = None) -> Path:
    """The database of the store that belongs to a folder (the current one)."""
    return (folder or Path.cwd()).absolute() / LOCAL_FOLDER / DATABASE


def database_of(uri: str) -> Path | None:
    """The database file of a local store's URI; None for a server."""
    if uri != "local" and not uri.startswith("sqlite:///"):
        return None
    return local_database() if uri == "local" else Path(uri.removeprefix("sqlite:///")).absolute()


def unfinished_tables(db: sqlite3.Connection) -> list[str]:
    """Tables that a migration fills before they take another's place: it was cut short, or is in hand."""
    pattern = "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB '_alembic_tmp_*'"
    return [str(row[0]) for row in db.execute(pattern)]


def bulk_store(store_uri: str, artifact_uri: str) -> Any:
    """The store of a `qsweep-sqlite` URI: MLflow's entry point, called while MLflow is importing."""
    from qsweep.tracking.bulk_store import BulkSqliteStore

    return BulkSqliteStore(store_uri, artifact_uri or f"./{LOCAL_FOLDER}")  # as MLflow's own default


def literal(text: str) -> str:
    """A string in MLflow's filters, which have no escapes: `text` may hold one kind of quotes only."""
    quote_mark = '"' if "'" in text else "'"
    return f"{quote_mark}{text}{quote_mark}"


def open_store(uri: str, create: bool = True) -> Store:
    """Open the store of a `tracking.uri`, making a local one that is not there yet.

    Raises UsageError where it cannot be opened, or does not exist and `create` is False.
    """
    if not re.fullmatch(r"local|https?://.+|sqlite:///.+", uri):
        rule = "must be local, http(s)://HOST or sqlite:///FILE"
        raise UsageError([Problem("tracking.uri", rule, uri)])
    database = database_of(uri)
    if database is None:
        return _server(uri)
    if not create and not _holds_anything(database):
        remedy = "train something first, or change to the folder that holds mlruns/"
        raise UsageError([Problem("tracking.uri", "there is no store yet", str(database), remedy)])
    if "?" in str(database) or unquote(str(database)) != str(database):
        rule = "must lie in a folder whose name has no ? and no %XX, which SQLite's URIs would misread"
        raise UsageError([Problem("tracking.uri", rule, str(database), "rename the folder")])
    try:
        return _local(database)
    except (OSError, sqlite3.Error) as error:
        rule = "the store's folder and file must be readable and writable"
        raise UsageError([Problem("tracking.uri", rule, str(database), str(error))]) from None


def _local(database: Path) -> Store:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    database.parent.mkdir(parents=True, exist_ok=True)
    if not _holds_anything(database):
        # Two processes that migrate one fresh file destroy it: one makes it, aside, the others wait.
        with FileLock(database.with_suffix(".lock")):
            if not _holds_anything(database):
                _create(database)
    with sqlite3.connect(f"file:{quote(str(database))}?mode=rw", uri=True) as connection:
        connection.execute("SELECT count(*) FROM alembic_version")  # refuses what is no such database
        halves = unfinished_tables(connection)
    connection.close()
    if halves:
        rule = "is in the middle of a migration, or one was cut short"
        raise UsageError([Problem("tracking.uri", rule, str(database), "qsweep doctor --fix")])
    # It would print a traceback for what is raised as well.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    uri = f"sqlite:///{database}"
    try:
        client = MlflowClient(f"{BULK_SCHEME}:///{database}", registry_uri=uri)
    except MlflowException as error:
        if "out-of-date" not in str(error):
            raise
        rule = "has the schema of another MLflow"
        raise UsageError([Problem("tracking.uri", rule, str(database), "qsweep doctor --fix")]) from None
    return Store(uri, client, database.parent / "artifacts")


def _holds_anything(database: Path) -> bool:
    # SQLite makes an empty file when someone merely looks.
    return database.exists() and database.stat().st_size > 0


def _create(database: Path) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    aside = database.with_suffix(".new")
    for left in database.parent.glob(f"{aside.name}*"):
        left.unlink()
    for talkative in ("alembic", "mlflow.store.db.utils"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    made = SqlAlchemyStore(f"sqlite:///{aside}", str(database.parent / "artifacts"))
    made.engine.dispose()
    with sqlite3.connect(aside) as connection:
        # Readers (the UI) then do not block writers, nor the other way round.
        connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    with aside.open("rb") as file:
        os.fsync(file.fileno())
    aside.replace(database)
    sync_folder(database.parent)


def _server(uri: str) -> Store:
    from mlflow import MlflowClient

    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    client = MlflowClient(uri, registry_uri=uri)
    try:
        client.search_experiments(max_results=1)
    except Exception as error:  # requests' and MLflow's, of many kinds
        reason = " ".join(str(error).split())[:300]
        rule = "must be an MLflow tracking server that answers"
        raise UsageError([Problem("tracking.uri", rule, uri, reason)]) from error
    return Store(uri, client, None)
