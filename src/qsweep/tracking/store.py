"""The MLflow store: where it lies, made once and whole, opened by URI."""

from __future__ import annotations

import os
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, unquote

from filelock import FileLock

from qsweep.durable import sync_folder
from qsweep.problems import Problem, UsageError, without_password

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOCAL_FOLDER = "mlruns"
DATABASE = "mlflow.db"
BULK_SCHEME = "qsweep-sqlite"
"""The URI scheme under which MLflow finds `bulk_store`."""
UNAUTHORIZED = 401

_REACHED: set[str] = set()
"""Servers that have answered this process: their addresses are right."""


@dataclass(frozen=True)
class Store:
    """An open MLflow store. artifacts: the folder of a local one, None for a server's."""

    uri: str
    client: MlflowClient
    artifacts: Path | None


def local_database(folder: Path | None = None) -> Path:
    """The database of the store that belongs to a folder (the current one)."""
    return (folder or Path.cwd()).absolute() / LOCAL_FOLDER / DATABASE


def bulk_store(store_uri: str, artifact_uri: str) -> Any:
    """The store of a `qsweep-sqlite` URI: MLflow's entry point, called while MLflow is importing."""
    from qsweep.tracking.bulk_store import BulkSqliteStore

    return BulkSqliteStore(store_uri, artifact_uri or f"./{LOCAL_FOLDER}")  # as MLflow's own default


def literal(text: str) -> str:
    """A string in MLflow's filters, which have no escapes: `text` may hold one kind of quotes only."""
    quote_mark = '"' if "'" in text else "'"
    return f"{quote_mark}{text}{quote_mark}"


def open_store(uri: str, create: bool = True, patient: bool = False) -> Store:
    """Open the store of a `tracking.uri`, making a local one that is not there yet.

    patient: whether a server that does not answer is waited for at length. Raises UsageError where it
    cannot be opened, or does not exist and `create` is False.
    """
    if not re.fullmatch(r"local|https?://[^@]+|sqlite:///.+", uri):
        rule = "must be local, http(s)://HOST or sqlite:///FILE, without user or password"
        raise UsageError([Problem("tracking.uri", rule, without_password(uri))])
    if uri != "local" and not uri.startswith("sqlite:///"):
        return _server(uri, patient)
    database = local_database() if uri == "local" else Path(uri.removeprefix("sqlite:///")).absolute()
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

    database.parent.mkdir(parents=True, exist_ok=True)
    if not _holds_anything(database):
        # Two processes that migrate one fresh file destroy it: one makes it, aside, the others wait.
        with FileLock(database.with_suffix(".lock")):
            if not _holds_anything(database):
                _create(database)
    with sqlite3.connect(f"file:{quote(str(database))}?mode=rw", uri=True) as connection:
        connection.execute("SELECT count(*) FROM alembic_version")  # refuses what is no such database
    connection.close()
    uri = f"sqlite:///{database}"
    client = MlflowClient(f"{BULK_SCHEME}:///{database}", registry_uri=uri)
    return Store(uri, client, database.parent / "artifacts")


def _holds_anything(database: Path) -> bool:
    # SQLite makes an empty file when someone merely looks.
    return database.exists() and database.stat().st_size > 0


def _create(database: Path) -> None:
    import logging

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


def _server(uri: str, patient: bool) -> Store:
    from mlflow import MlflowClient

    from qsweep.tracking.patience import BUDGET_SECONDS, FIRST_BUDGET_SECONDS, PatientClient

    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # the patience is our own
    reached = patient or uri in _REACHED
    client = PatientClient(
        MlflowClient(uri, registry_uri=uri), uri, BUDGET_SECONDS if reached else FIRST_BUDGET_SECONDS
    )
    try:
        client.search_experiments(max_results=1)
    except Exception as error:  # requests' and MLflow's, of many kinds
        raise UsageError([_refusal(uri, error)]) from error
    _REACHED.add(uri)
    client.budget = BUDGET_SECONDS
    return Store(uri, cast("MlflowClient", client), None)


def _refusal(uri: str, error: Exception) -> Problem:
    status = getattr(error, "get_http_status_code", lambda: 0)()
    if status == UNAUTHORIZED:
        rule = "must be a server that knows this user and password"
        remedy = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        return Problem("tracking.uri", rule, uri, remedy)
    reason = " ".join(str(error).split())[:300]
    return Problem("tracking.uri", "must be an MLflow tracking server that answers", uri, reason)
