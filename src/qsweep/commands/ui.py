"""The MLflow UI for the store in the current folder."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from qsweep.system.addresses import check_address
from qsweep.tracking.places import ForeignPlace, foreign, own_place, places_trusted, recorded_path
from qsweep.tracking.store import Store, open_store
from qsweep.tracking.tables.registry_rows import places
from qsweep.tracking.tables.sqlite_database import SqliteDatabase


def _check_places(store: Store) -> None:
    """Say that MLflow does not find the files of a moved store; refuse places outside the store's folder."""
    if store.database is None or places_trusted():
        return
    moved = 0
    for _, _, _, _, value in places(SqliteDatabase(store.database)):
        own = None if str(value).startswith("models:/") else own_place(store, value)
        if own is None and not str(value).startswith("models:/"):
            raise ForeignPlace([foreign(value)])
        moved += own is not None and own != recorded_path(store, value)
    if moved:
        hint = "so that MLflow finds their files: qsweep doctor --fix"
        print(f"qsweep: {moved:,} records name the store's former folder; {hint}", file=sys.stderr)


def serve(host: str, port: int) -> NoReturn:
    """Replace this process by MLflow's server; Ctrl-C stops it."""
    store = open_store("local", create=False)
    check_address(host, port)
    _check_places(store)
    print(f"http://{host}:{port}", file=sys.stderr, flush=True)
    arguments = ["--backend-store-uri", store.uri, "--default-artifact-root", str(store.artifacts)]
    mlflow = [sys.executable, "-m", "mlflow", "server", "--workers", "1", *arguments]
    # Without MLflow's job runners, which evaluate language models and start a process each.
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    os.execv(sys.executable, [*mlflow, "--host", host, "--port", str(port)])
