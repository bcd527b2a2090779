"""The real command with its store in a real PostgreSQL database."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from qsweep.errors import UsageError
from qsweep.system.liveness import HOST, PROCESS, announce
from qsweep.tracking import RunRecord, tracker
from qsweep.tracking.curves import Points
from qsweep.tracking.run_search import end_dead, run_of
from qsweep.tracking.store import open_store
from tests.support.postgresql import PostgreSQL

pytestmark = [pytest.mark.integration]

SMALL = ("episodes=300", "checkpoint_every=100", "evaluation.episodes=2", "evaluation.test_episodes=2")


@pytest.fixture
def database(postgresql: PostgreSQL, migrated_postgresql: str) -> str:
    """The name of a database with an empty store."""
    return postgresql.create_database(template=migrated_postgresql)


@pytest.mark.slow
def test_a_run(
    qsweep: Callable[..., subprocess.CompletedProcess[str]],
    postgresql: PostgreSQL,
    database: str,
    tmp_path: Path,
) -> None:
    """A run is recorded, listed and pulled; user and password are in none of its rows, files or words."""
    uri = postgresql.uri(database)
    ran = qsweep("train", *SMALL, f"tracking.uri={uri}")
    assert ran.returncode == 0, ran.stderr
    [run] = MlflowClient(uri).search_runs(["1"])
    assert run.info.status == "FINISHED"
    assert len(MlflowClient(uri).get_metric_history(run.info.run_id, "train/return_avg")) == 300
    place = tmp_path / "mlruns" / "artifacts" / "MountainCar-v0" / run.info.run_id / "artifacts"
    assert run.info.artifact_uri == str(place)
    pulled = qsweep("pull", f"{run.info.run_id}/ep000300", "--uri", uri, "--out", "policy")
    assert pulled.returncode == 0, pulled.stderr
    words = ran.stdout + ran.stderr + pulled.stdout + pulled.stderr
    assert postgresql.password not in words + repr(run.data.params) + repr(run.data.tags)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert place / "config.yaml" in files
    assert [path for path in files if postgresql.password.encode() in path.read_bytes()] == []


@pytest.mark.slow
@pytest.mark.usefixtures("migrated_postgresql")
def test_a_fresh_database_is_filled_once(postgresql: PostgreSQL) -> None:
    """Processes that find the database empty fill it one after the other, and nothing is made unasked."""
    uri = postgresql.uri(postgresql.create_database())
    with pytest.raises(UsageError, match="store does not exist"):
        open_store(uri, create=False)
    code = f"from qsweep.tracking.store import open_store; open_store({uri!r}).client.create_run('0')"
    makers = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [maker.wait(120) for maker in makers] == [0, 0]
    assert len(open_store(uri).client.search_runs(["0"])) == 2


@pytest.mark.usefixtures("migrated_postgresql")
def test_refusals(postgresql: PostgreSQL, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database of something else, of an older MLflow, or that lets nobody in, is refused in one line."""
    strange = postgresql.create_database()
    postgresql.execute("CREATE TABLE accounts (id int)", strange)
    postgresql.execute("UPDATE alembic_version SET version_num = 'cc1f77228345'", database)
    said = {}
    for name in (strange, database, "missing"):
        with pytest.raises(UsageError) as refused:
            open_store(postgresql.uri(name))
        said[name] = str(refused.value)
    assert "tables that are not MLflow's" in said[strange]
    assert f"mlflow db upgrade {postgresql.uri(database)}" in said[database]
    assert 'database "missing" does not exist' in said["missing"]
    monkeypatch.setenv("PGPASSWORD", "not this one")
    with pytest.raises(UsageError, match=r"give access.*password authentication failed") as refused:
        open_store(postgresql.uri(strange))
    assert "not this one" not in str(refused.value)
    assert not any("\n" in words for words in (*said.values(), str(refused.value)))


def test_a_server_that_was_away(postgresql: PostgreSQL, database: str) -> None:
    """A run whose connection is cut goes on with another, and has every point once."""
    uri = postgresql.uri(database)
    run = tracker(open_store(uri)).open(RunRecord("walk", "cut"))
    run.log(Points(np.arange(50), {"a": np.arange(50.0)}))
    postgresql.cut_off(database)
    run.close("FINISHED", {}, {})
    found = MlflowClient(uri).get_run(run.run_id)
    assert (found.info.status, found.data.metrics) == ("FINISHED", {"a": 49.0})
    counted = "SELECT count(*) FROM metrics"
    assert postgresql.execute(counted, database) == [(50,)]


def test_runs_of_dead_processes_are_left(postgresql: PostgreSQL, database: str) -> None:
    """Other than in an SQLite store: another machine of the same name may execute them."""
    store = open_store(postgresql.uri(database))
    tags = {HOST: socket.gethostname(), PROCESS: f"{2**22 - 1}-{'0' * 16}-{'0' * 12}"}
    dead, alive = (tracker(store).open(RunRecord("r", "dead", {}, t)).run_id for t in (tags, announce().tags))
    end_dead(store)
    assert [run_of(store, run_id).status for run_id in (dead, alive)] == ["RUNNING", "RUNNING"]


def test_without_psycopg(postgresql: PostgreSQL, database: str, tmp_path: Path) -> None:
    """Where psycopg is not installed the message says what to install."""
    (tmp_path / "psycopg.py").write_text("raise ImportError")
    code = f"from qsweep.tracking.store import open_store; open_store({postgresql.uri(database)!r})"
    settings = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    ran = subprocess.run([sys.executable, "-c", code], env=settings, capture_output=True, text=True)
    assert "pip install 'psycopg[binary]'" in ran.stderr.splitlines()[-1]
