from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from mlflow.store.tracking.dbmodels.initial_models import Base

from qsweep.commands.doctor.examination import Examination, examine
from qsweep.commands.doctor.schema import upgrade
from qsweep.commands.doctor.zombies import SILENT
from qsweep.system.liveness import announce
from qsweep.tracking import checkpoints, episodes
from qsweep.tracking.store import Store, local_database, open_store
from tests.support import recorded

pytestmark = pytest.mark.slow  # every store is examined, and repaired, as a whole

DEAD = "4194303-0000000000000000-000000000000"
"""A process number that Linux gives to hardly anyone, of another folder."""
HALF = '_alembic_tmp_"runs"'.replace('"', "")


@pytest.fixture
def store(workdir: Path) -> Store:  # noqa: ARG001
    """The empty store of an empty folder."""
    return open_store("local")


def finished(store: Store, seed: int = 0) -> tuple[str, Path]:
    """A finished run with its files: its id and its folder."""
    run_id = recorded.record(store, {"seed": seed}, score=-150.0)
    folder = Path(store.client.get_run(run_id).info.artifact_uri)
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text("{}")
    with episodes.EpisodeFile(folder / episodes.FILE_NAME) as file:
        file.add(np.arange(500.0), np.arange(500, dtype=np.int32), np.linspace(0, 1, 500))
    with checkpoints.History(folder / "checkpoints" / checkpoints.FILE_NAME, (20, 20, 3), {}) as history:
        for number in range(1, 6):
            history.add(number * 10, np.random.default_rng(number).normal(size=(20, 20, 3)))
    return run_id, folder


def kinds(examination: Examination) -> dict[str, bool]:
    """Return each kind of defect found, and whether it was repaired."""
    return {found.defect.kind: found.repaired for found in examination.found}


def flip(path: Path, place: float) -> None:
    """Flip a bit of the byte at a fraction of a file."""
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= 0x10
    path.write_bytes(data)


def running(store: Store, **tags: str) -> str:
    """Create a run with the status RUNNING; return its id."""
    experiment = store.client.create_experiment("zombies")
    named = {f"qsweep.{key}": value for key, value in tags.items()}
    return str(store.client.create_run(experiment, tags=named).info.run_id)


def test_a_sound_store_is_well(store: Store) -> None:
    """No defect is found; the bytes of the experiment and of the database are reported."""
    _, folder = finished(store)
    examination = examine()
    assert examination.healthy
    assert examination.found == ()
    bytes_of = {use.what: use.bytes for use in examination.uses}
    assert bytes_of["MountainCar-v0"] == sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    assert bytes_of["database"] >= local_database().stat().st_size


def test_a_zombie_is_ended_as_killed(store: Store) -> None:
    """Only --fix marks a run of a dead process as KILLED, ended at its last heartbeat."""
    run = running(store, host=socket.gethostname(), process=DEAD, alive="1700000000.5")
    assert kinds(examine()) == {"zombie run": False}
    assert store.client.get_run(run).info.status == "RUNNING"
    assert kinds(examine(fix=True)) == {"zombie run": True}
    info = store.client.get_run(run).info
    assert (info.status, info.end_time) == ("KILLED", 1700000000500)
    assert examine().healthy


def test_the_living_and_the_unknown_are_left_alone(store: Store) -> None:
    """This process's run, and another host's whose heart beats, are no zombies."""
    running(store, **{key.removeprefix("qsweep."): value for key, value in announce().tags.items()})
    experiment = store.client.create_experiment("others")
    beats = {"qsweep.host": "elsewhere", "qsweep.process": DEAD, "qsweep.alive": str(time.time())}
    other = store.client.create_run(experiment, tags=beats).info.run_id
    assert examine(fix=True).found == ()
    store.client.set_tag(other, "qsweep.alive", str(time.time() - SILENT - 60))
    assert kinds(examine(fix=True)) == {"zombie run": True}


def test_missing_parents(store: Store) -> None:
    """A deleted parent is restored; if it does not exist, its runs are unnested and its id is kept."""
    deleted = recorded.parent(store, "s")
    nested = [recorded.record(store, {"seed": 1}, parent=p, status="KILLED") for p in (deleted, "f" * 32)]
    store.client.delete_run(deleted)
    assert kinds(examine(fix=True)) == {"missing parent": True}
    assert store.client.get_run(deleted).info.lifecycle_stage == "active"
    tags = store.client.get_run(nested[1]).data.tags
    assert "mlflow.parentRunId" not in tags
    assert tags["qsweep.lost_parent"] == "f" * 32
    assert store.client.get_run(nested[0]).data.tags["mlflow.parentRunId"] == deleted
    assert examine().healthy


def test_orphans_are_moved_and_keep_their_bytes(store: Store) -> None:
    """Files of no run are moved to lost+found, under a new name if necessary; links are not followed."""
    _, folder = finished(store)
    orphan = folder.parent.with_name("a" * 32)
    for number in range(2):
        shutil.copytree(folder, orphan / "artifacts")
        assert kinds(examine(fix=True)) == {"orphaned files": True}
        assert not orphan.exists()
        lost = Path("mlruns/lost+found/MountainCar-v0") / f"{'a' * 32}{'.1' if number else ''}"
        assert (lost / "artifacts" / episodes.FILE_NAME).read_bytes() == (
            folder / episodes.FILE_NAME
        ).read_bytes()
    Path("precious").mkdir()
    orphan.symlink_to(Path("precious").absolute())
    examine(fix=True)
    assert Path("precious").is_dir()
    assert examine().healthy


def test_files_of_a_store_on_postgresql_are_no_orphans(store: Store) -> None:
    """Its artifacts are in the same folder: if one of them is found, nothing is moved."""
    _, folder = finished(store)
    for letter in "ab":
        shutil.copytree(folder, folder.parent.with_name(letter * 32) / "artifacts")
    config = folder.parent.with_name("a" * 32) / "artifacts" / "config.yaml"
    config.write_text("tracking: {uri: 'postgresql://host/database'}")
    assert examine(fix=True).healthy
    assert all(folder.parent.with_name(letter * 32).exists() for letter in "ab")


def test_a_run_without_its_files_is_trained_again(store: Store) -> None:
    """A finished run's missing files are named; --fix marks it FAILED and keeps its end time."""
    run, folder = finished(store)
    ended = store.client.get_run(run).info.end_time
    (folder / "config.yaml").unlink()
    [found] = examine(fix=True).found
    assert found.defect.details == "has no config.yaml"
    info = store.client.get_run(run).info
    assert (info.status, info.end_time) == ("FAILED", ended)
    assert examine().healthy


@pytest.mark.parametrize("name", [episodes.FILE_NAME, f"checkpoints/{checkpoints.FILE_NAME}"])
@pytest.mark.parametrize("place", [0.2, 0.5, 0.8])
def test_a_flipped_bit_is_found(store: Store, name: str, place: float) -> None:
    """A flipped bit anywhere is found; --fix keeps the file and marks the run FAILED."""
    run, folder = finished(store)
    flip(folder / name, place)
    damaged = (folder / name).read_bytes()
    assert kinds(examine(fix=True)) == {"unreadable archive": True}
    assert store.client.get_run(run).info.status == "FAILED"
    assert (folder / name).read_bytes() == damaged
    assert examine().healthy


def test_a_table_that_is_not_the_runs_is_found(store: Store) -> None:
    """A readable archive whose last table does not match the recorded hash is found."""
    run, _ = finished(store)
    store.client.set_tag(run, "qsweep.qtable_sha256", "0" * 64)
    [found] = examine().found
    assert "does not match the hash that the run recorded" in found.defect.details


@pytest.mark.usefixtures("store")
def test_leftovers_of_the_dead_go_and_those_of_the_living_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only files of dead processes, older than a day, and with names that qsweep gives, are removed."""
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    dead, aside = DEAD.split("-")[0], f".qsweep-{'a' * 32}"
    copied = f"mlruns/artifacts/.ended.json.{'c' * 32}"
    names = (f"multirun/.ended.json.{dead}", copied, f"tmp/qsweep-{dead}-x", aside)
    living = (f"multirun/.ended.json.{os.getpid()}", f"tmp/qsweep-{os.getpid()}-x", "tmp/qsweep-mine", ".git")
    for name in (*names, *living):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch() if "json" in name else path.mkdir()
    assert examine(fix=True).found == ()  # they are young
    for name in (*names, *living):
        os.utime(tmp_path / name, (0, 0))
    examination = examine(fix=True)
    assert len(examination.found) == 4
    assert examination.healthy
    assert [name for name in names if (tmp_path / name).exists()] == []
    assert [name for name in living if not (tmp_path / name).exists()] == []
    assert (tmp_path / "mlruns" / "lost+found" / aside.removeprefix(".")).is_dir()


def test_what_a_finished_run_would_have_gone_on_from_goes(store: Store) -> None:
    """The saved state of an unfinished run, or of another store's, is kept."""
    done, killed = finished(store)[0], recorded.record(store, {"seed": 1}, status="KILLED")
    folders = {run: Path("multirun/unfinished") / run for run in (done, killed, "f" * 32)}
    for folder in folders.values():
        folder.mkdir(parents=True)
        os.utime(folder, (0, 0))
    assert kinds(examine(fix=True)) == {"leftover": True}
    assert [run for run, folder in folders.items() if folder.exists()] == [killed, "f" * 32]


def test_a_failing_repair_does_not_stop_others(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is reported, the rest is repaired, and the exit code is 1."""
    running(store, host=socket.gethostname(), process=DEAD)
    recorded.record(store, {"seed": 1}, parent="f" * 32, status="KILLED")

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(type(store.client), "set_terminated", fail)
    examination = examine(fix=True)
    assert kinds(examination) == {"zombie run": False, "missing parent": True}
    assert not examination.healthy
    assert examination.found[0].outcome == "not repaired: the disk is full"


def edit(*statements: str) -> None:
    with closing(sqlite3.connect(local_database())) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


@pytest.mark.parametrize("renamed", [False, True])
def test_a_half_migrated_database_is_repaired(store: Store, renamed: bool) -> None:
    """A migration interrupted before or after dropping the table is completed; a backup is kept."""
    run, _ = finished(store)
    if renamed:
        edit(f"ALTER TABLE runs RENAME TO {HALF}")
    else:
        edit(f"CREATE TABLE {HALF} AS SELECT * FROM runs WHERE 0")
    [found] = examine().found
    assert "interrupted migration: _alembic_tmp_runs" in found.defect.details
    assert examine(fix=True).healthy
    assert open_store("local").client.get_run(run).info.status == "FINISHED"
    [backup] = Path("mlruns").glob("mlflow.backup-*.db")
    with closing(sqlite3.connect(backup)) as db:
        assert db.execute(f"SELECT count(*) FROM {HALF}").fetchone() == (int(renamed),)
    assert not list(Path("mlruns").glob(".mlflow.db.*"))


@pytest.fixture
def old_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store whose schema is one migration behind, with a run."""
    import sqlalchemy
    from alembic import command
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _get_alembic_config

    monkeypatch.chdir(tmp_path)
    database = local_database()
    database.parent.mkdir()
    engine = sqlalchemy.create_engine(f"sqlite:///{database}")
    config = _get_alembic_config(f"sqlite:///{database}")
    script = ScriptDirectory.from_config(config)
    before = script.get_revision("head").down_revision
    with engine.begin() as connection:
        Base.metadata.create_all(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, str(before))
    engine.dispose()
    edit("INSERT INTO experiments (experiment_id, name, lifecycle_stage) VALUES (7, 'kept', 'active')")
    return database


def test_an_old_schema_is_upgraded_after_a_backup(old_store: Path) -> None:
    """Its rows are kept, and the backup has the old schema."""
    before = old_store.read_bytes()
    assert "this MLflow needs" in examine().found[0].defect.details
    assert old_store.read_bytes() == before
    assert examine(fix=True).healthy
    assert open_store("local").client.get_experiment("7").name == "kept"
    assert len(list(old_store.parent.glob("mlflow.backup-*.db"))) == 1


def test_an_upgrade_that_fails_changes_nothing(old_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the migration fails on the copy, the store is unchanged."""

    def fail(copy: Path) -> None:
        with closing(sqlite3.connect(copy)) as db:
            db.execute("DELETE FROM experiments")
            db.commit()

    monkeypatch.setattr("qsweep.commands.doctor.schema._upgrade", fail)
    before = old_store.read_bytes()
    [found] = examine(fix=True).found
    assert found.outcome == "not repaired: the upgrade would lose rows of experiments; nothing was changed"
    assert old_store.read_bytes() == before


def test_a_database_that_is_written_meanwhile_is_not_replaced(
    old_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If another process writes after the backup, its rows are not lost."""
    monkeypatch.setattr(
        "qsweep.commands.doctor.schema._upgrade",
        lambda _: edit("INSERT INTO experiments (experiment_id, name) VALUES (8, 'new')"),
    )
    with pytest.raises(OSError, match="another process wrote"):
        upgrade(old_store)
    with closing(sqlite3.connect(old_store)) as db:
        assert db.execute("SELECT count(*) FROM experiments WHERE name = 'new'").fetchone() == (1,)


@pytest.mark.usefixtures("store")
def test_a_database_of_a_newer_mlflow_is_left_alone() -> None:
    """A newer schema is reported and not changed."""
    edit("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    [found] = examine(fix=True).found
    assert (found.repaired, "newer MLflow" in found.defect.details) == (False, True)
