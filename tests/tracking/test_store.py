from __future__ import annotations

import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from mlflow import MlflowClient

from qsweep.errors import UsageError
from qsweep.tracking.store import Store, local_database, open_store
from qsweep.tracking.tables.curve_rows import Curve
from qsweep.tracking.tables.run_tables import NewRun, RunChanges
from qsweep.tracking.tables.sqlite_database import PAGE_BYTES, ROW_BYTES, WAL_CHECKPOINT_BYTES, beside


def usable(store: Store) -> bool:
    """Return whether a run can be created in the store and read back through its URI."""
    run_id = store.client.create_run("0", run_name="first").info.run_id
    return str(MlflowClient(store.uri).get_run(run_id).info.run_name) == "first"


def names_in(folder: Path) -> list[str]:
    """Return the files of a folder, without SQLite's files for an open database."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(("-wal", "-shm")))


def ask(database: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


def check_complete(store: Store, database: Path) -> None:
    """Check that the store works, readers and a writer do not block, and no temporary file is left."""
    assert store.uri == f"sqlite:///{database}"
    assert store.artifacts == database.parent / "artifacts"
    assert usable(store)
    assert ask(database, "PRAGMA journal_mode") == [("wal",)]
    assert len(ask(database, "SELECT version_num FROM alembic_version")) == 1
    assert names_in(database.parent) == [database.name, database.with_suffix(".lock").name]


def test_a_missing_store_is_created(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening a folder's missing local store creates it, with its folder."""
    monkeypatch.chdir(tmp_path)
    store = open_store("local")
    assert local_database() == tmp_path / "mlruns" / "mlflow.db"
    check_complete(store, local_database())


def test_the_store_of_the_environment(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` is the store that MLFLOW_TRACKING_URI names; if it is empty or not set, the local one."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///other.db")
    assert open_store("auto").database == workdir / "other.db"
    for unset in ("", None):
        monkeypatch.delenv("MLFLOW_TRACKING_URI")
        if unset is not None:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", unset)
        assert open_store("auto").database == local_database()


def test_an_empty_file_and_leftovers_are_no_store(tmp_path: Path) -> None:
    """An empty file becomes a store, and the remains of an interrupted creation are removed."""
    database = tmp_path / "mlflow.db"
    new = beside(database)
    for name in ("mlflow.db", f"{new.name}-journal", f"{new.name}-wal"):
        (tmp_path / name).touch()
    new.write_text("half a database")
    check_complete(open_store(f"sqlite:///{database}"), database)


def test_another_store_in_the_folder_is_kept(tmp_path: Path) -> None:
    """Whatever its name, a database beside a new store stays as it is."""
    others = [tmp_path / name for name in ("mlflow.new", "mlflow.new.db", "mlflow.new-old.db")]
    for other in others:
        open_store(f"sqlite:///{other}")
    before = [other.read_bytes() for other in others]
    open_store(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert [other.read_bytes() for other in others] == before


@pytest.mark.integration
def test_a_process_killed_while_it_makes_a_store(tmp_path: Path) -> None:
    """If a process is killed while creating a store, none exists, and the next one creates it."""
    killed = (
        "import os, signal, sys; from pathlib import Path; from qsweep.tracking import store\n"
        "store.sync_folder = store.os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "store.open_store(f'sqlite:///{sys.argv[1]}')"
    )
    database = tmp_path / "mlflow.db"
    ran = subprocess.run([sys.executable, "-c", killed, str(database)], capture_output=True)
    assert ran.returncode == -9
    assert "mlflow.db" not in names_in(tmp_path)
    assert beside(database).name in names_in(tmp_path)
    check_complete(open_store(f"sqlite:///{database}"), database)


def test_an_existing_store_is_kept(workdir: Path) -> None:
    """Opening an existing store, as `local` or by its file, keeps its content."""
    made = open_store("local").client.create_run("0").info.run_id
    for uri in ("local", "sqlite:///mlruns/mlflow.db", f"sqlite:///{workdir}/mlruns/mlflow.db"):
        store = open_store(uri, create=False)
        assert store.uri == f"sqlite:///{workdir}/mlruns/mlflow.db"
        assert store.client.get_run(made).info.run_id == made


@pytest.mark.parametrize("empty", [False, True], ids=["nothing", "empty file"])
def test_nothing_is_made_unless_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty: bool) -> None:
    """With create=False a missing store is refused, with a remedy, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    if empty:
        local_database().parent.mkdir()
        local_database().touch()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=r"tracking\.uri: store does not exist.*run qsweep train first"):
        open_store("local", create=False)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("below", ["mlflow.db", "deeper/mlflow.db"])
def test_a_file_in_the_folders_place_is_refused(tmp_path: Path, below: str) -> None:
    """A file in the place of the store's folder is refused, naming the database's path."""
    (tmp_path / "file").touch()
    database = tmp_path / "file" / below
    with pytest.raises(UsageError) as refused:
        open_store(f"sqlite:///{database}")
    [problem] = refused.value.problems
    assert problem.key == "tracking.uri"
    assert problem.given == str(database)


@pytest.mark.timeout(60)  # MLflow retries for minutes to open a database
@pytest.mark.parametrize("folder", ["my runs #1 (100%) ü", "what?", "a%20b", "x+y&z=1"])
def test_a_folder_of_any_name(tmp_path: Path, migrated_store: Path, folder: str) -> None:
    """A folder with URI characters in its name holds its store or is refused; none is created elsewhere."""
    database = tmp_path / folder / "mlflow.db"
    database.parent.mkdir()
    shutil.copy(migrated_store, database)
    with suppress(UsageError):
        usable(open_store(f"sqlite:///{database}"))
        assert ask(database, "SELECT name FROM runs") == [("first",)]
    assert names_in(tmp_path) == [folder]


@pytest.fixture
def stranger() -> Iterator[str]:
    """Run a web server that is not MLflow's and return its address."""

    class Stranger(BaseHTTPRequestHandler):
        """Answers every request with a page."""

        def do_POST(self) -> None:
            """Answer."""
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>welcome</html>")

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = HTTPServer(("127.0.0.1", 0), Stranger)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def refused_server(uri: str) -> str:
    with pytest.raises(UsageError) as refused:
        open_store(uri)
    [problem] = refused.value.problems
    assert (problem.key, problem.given) == ("tracking.uri", uri)
    assert "\n" not in str(problem)
    return problem.rule


def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address where nothing listens is refused in one line that names it."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert refused_server(f"http://127.0.0.1:{port}") == "must be a running MLflow tracking server"


def test_a_server_that_is_not_mlflows(stranger: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A web server other than MLflow's is refused in the same way."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert refused_server(stranger) == "must be a running MLflow tracking server"


def written(store: Store, points: int) -> Path:
    """Return a store's file after writing a run of `points` points over a connection that stays open."""
    file, tables = store.database, store.tables
    assert file is not None
    assert tables is not None
    experiment = tables.experiment("e", str(file.parent), {}, 1).experiment_id
    tables.create(NewRun("r" * 32, "r", experiment, str(file.parent), 1))
    steps = list(range(points))
    tables.add("r" * 32, RunChanges([Curve("x", False, [1] * points, steps, [0.5] * points)]))
    assert tables.database.read("PRAGMA page_size") == [(PAGE_BYTES,)]
    assert tables.database.read("SELECT count(*) FROM metrics") == [(points,)]
    return file


MANY = WAL_CHECKPOINT_BYTES // ROW_BYTES
"""Number of points after which SQLite's log is checkpointed."""


def test_the_log_is_checkpointed_in_the_background(tmp_path: Path) -> None:
    """Many points are checkpointed from SQLite's log to its file while the writer stays connected."""
    file = written(open_store(f"sqlite:///{tmp_path / 'mlflow.db'}"), MANY)
    deadline = time.monotonic() + 60
    while file.stat().st_size < WAL_CHECKPOINT_BYTES / 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert file.stat().st_size >= WAL_CHECKPOINT_BYTES / 2


def test_a_commit_succeeds_without_a_checkpoint_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit succeeds even if no thread can checkpoint the log; a later one does."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    store = open_store(f"sqlite:///{tmp_path / 'mlflow.db'}")
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        file = written(store, MANY)
    assert store.tables is not None
    size = file.stat().st_size
    for part in range(2):
        steps = [part * MANY + step for step in range(MANY)]
        store.tables.add("r" * 32, RunChanges([Curve("y", False, [1] * MANY, steps, [0.5] * MANY)]))
    deadline = time.monotonic() + 60
    while file.stat().st_size == size and time.monotonic() < deadline:
        time.sleep(0.05)
    assert file.stat().st_size > size
