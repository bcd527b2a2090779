"""The MLflow UI: its address for an experiment or run, and its server for the store in the current folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from qsweep.errors import Problem, UsageError
from qsweep.system.addresses import check_address
from qsweep.tracking.places import ForeignPlace, foreign, own_place, places_trusted, recorded_path
from qsweep.tracking.run_search import experiments, matching
from qsweep.tracking.store import Store, open_store
from qsweep.tracking.stored_run import StoredRun
from qsweep.tracking.tables.registry_rows import places
from qsweep.tracking.tables.sqlite_database import SqliteDatabase


@dataclass(frozen=True)
class Listening:
    """The address that the UI's server listens on. open_browser: once it answers."""

    host: str = "127.0.0.1"
    port: int = 5000
    open_browser: bool = False


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


def serve(name: str | None, uri: str, at: Listening) -> None:
    """Print the address of a run or experiment; replace this process by MLflow's server, until Ctrl-C.

    name: without it the latest experiment's runs are shown. A server's store has its UI there already. Raises
    UsageError if the name is unknown.
    """
    store = open_store(uri, create=False)
    if store.artifacts is None:
        _show(f"{store.uri.rstrip('/')}{address_of(store, name)}", at.open_browser)
        return
    check_address(at.host, at.port)
    _check_places(store)
    _show(f"http://{at.host}:{at.port}{address_of(store, name)}", at.open_browser)
    arguments = ["--backend-store-uri", store.uri, "--default-artifact-root", str(store.artifacts)]
    mlflow = [sys.executable, "-m", "mlflow", "server", "--workers", "1", *arguments]
    # Without MLflow's job runners, which evaluate language models and start a process each.
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    os.execv(sys.executable, [*mlflow, "--host", at.host, "--port", str(at.port)])


def address_of(store: Store, name: str | None) -> str:
    """Return the address, below the UI's, of an experiment's runs or of a run; prepare the experiment's view.

    Raises UsageError if the name is unknown.
    """
    from qsweep.report.shared_view import WORKFLOW, prepare_view  # pandas is slow to import

    known = experiments(store)
    found = next((key for key, value in known.items() if value == name), None)
    if name is None:
        found = next((run.experiment_id for run in matching(store)), None)
        if found is None:
            return "/"
    if found is None:
        run = run_called(store, str(name), known.values())
        return f"/#/experiments/{run.experiment_id}/runs/{run.run_id}?{WORKFLOW}"
    return prepare_view(store, found, known[found])


def run_called(store: Store, name: str, known: Iterable[str]) -> StoredRun:
    """Return the latest run with a name, of a sweep its parent, or with an id or a part of one.

    Raises UsageError if there is none. known: the experiments' names, which would be understood as well.
    """
    part = name if re.fullmatch("[0-9a-f]{6,32}", name) else ""
    runs = matching(store, name, part)
    for run in runs:
        if run.name == name or run.run_id.startswith(part) or run.run_id.endswith(part):
            return run
    every = dict.fromkeys([*known, *(run.name for run in matching(store))])
    near = get_close_matches(name, every, n=5) or [*every][:5]
    remedy = f"for example {', '.join(near)}"
    raise UsageError([Problem("name", "is not an experiment, or the name or id of a run", name, remedy)])


def _show(address: str, open_browser: bool) -> None:
    print(address, file=sys.stderr, flush=True)
    if open_browser and (
        sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        subprocess.Popen([sys.executable, "-m", "qsweep.system.browser", address])
