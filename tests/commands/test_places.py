"""Every command on a project folder that was moved, copied, shared, or made by somebody else."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qsweep.cli import main
from qsweep.system import notices
from qsweep.tracking.places import trust_places

pytestmark = pytest.mark.slow

SMALL = ("episodes=20", "engine=gymnasium", "evaluation.checkpoints=2", "evaluation.episodes=2")
TINY = ("env=frozen_lake", *SMALL, "evaluation.test_episodes=4", "registry.confirm_seeds=0")
SWEEP = ("train", "-m", *TINY, "learning_rate=0.1,0.2", "hydra/launcher=basic", "sweep.name=s")
DATABASE = Path("mlruns/mlflow.db")
NAME = "FrozenLake-v1"
READING = (
    ("runs",),
    ("report", NAME, "--out", "out"),
    ("pull", f"{NAME}@best", "--out", "pulled"),
    ("pull", "learning_rate=0.1,seed=0", "--out", "pulled-run"),
    ("play", f"{NAME}@best"),
    ("gc", "--dry-run", "--keep-best", "1"),
)


EVERYWHERE = (
    ("runs",),
    ("report", "s"),
    ("pull", f"{NAME}@best"),
    ("play", f"{NAME}@best", "--episodes", "2"),
    ("reproduce", "learning_rate=0.1,seed=0"),
    ("compare", "learning_rate=0.1,seed=0", "learning_rate=0.2,seed=0"),
    ("diff", "learning_rate=0.1,seed=0", "learning_rate=0.2,seed=0"),
    ("watch", "--once"),
    ("plot", f"{NAME}@best", "actions", "--force"),
    ("gc", "--dry-run", "--keep-best", "1"),
)
"""Commands that are run at every place of a sweep's life."""
PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def call(*arguments: str) -> Result:
    """Run a command in this process; any exception but an exit is an error of the test."""
    notices._given.clear()
    ran = CliRunner().invoke(main, arguments)
    assert isinstance(ran.exception, SystemExit | None), ran.exception
    return ran


def well(*arguments: str) -> str:
    """Run a command that must succeed; return what it printed."""
    ran = call(*arguments)
    assert ran.exit_code == 0, ran.output
    return ran.output


def change(database: Path, statement: str, *values: object) -> None:
    """Change a database as another program does."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(statement, values)


def ask(database: Path, query: str) -> list[tuple[object, ...]]:
    """Ask a database."""
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


def files(folder: Path) -> dict[str, int]:
    """The files below a folder, with their sizes, without SQLite's files of an open database."""
    found = (
        path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".db-wal", ".db-shm")
    )
    return {str(path.relative_to(folder)): path.stat().st_size for path in found}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a finished sweep of two runs, of which one is registered; never changed."""
    folder = tmp_path_factory.mktemp("original") / "project"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert "2 of 2 runs finished" in well(*SWEEP)
        with closing(sqlite3.connect(DATABASE)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder


@pytest.fixture
def copy(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the project, in which the test works."""
    shutil.copytree(original, tmp_path / "copy", symlinks=True)
    monkeypatch.chdir(tmp_path / "copy")
    yield tmp_path / "copy"
    trust_places(False)


def test_a_copied_project(copy: Path, original: Path) -> None:
    """Every command works in the copy, a relaunch repeats nothing, and nothing is written to the original."""
    before = files(original)
    for command in READING:
        well(*command)
    assert "2 of 2 runs finished (2 of them earlier)" in well(*SWEEP)
    new = well("train", *TINY, "seed=7")
    assert "registered" in new or "kept" in new or "is now" in new
    assert files(original) == before
    found = call("doctor")
    assert (found.exit_code, "moved store" in found.output) == (1, True)
    well("doctor", "--fix")
    assert "no problems found" in well("doctor")
    recorded = [
        row for table, column in PLACES for row in ask(copy / DATABASE, f"SELECT {column} FROM {table}")
    ]
    assert {str(place).startswith(f"{copy}/mlruns/") for (place,) in recorded} == {True}
    assert files(original) == before


def test_mlflow_finds_the_files_after_a_repair(copy: Path, original: Path) -> None:
    """After doctor --fix MLflow's own client reads the artifacts and the model of the moved store."""
    from mlflow import MlflowClient

    well("doctor", "--fix")
    client = MlflowClient(f"sqlite:///{copy / DATABASE}", registry_uri=f"sqlite:///{copy / DATABASE}")
    for (run_id,) in ask(copy / DATABASE, "SELECT run_uuid FROM tags WHERE key = 'qsweep.config'"):
        names = {each.path for each in client.list_artifacts(str(run_id))}
        assert {"config.yaml", "episodes.parquet", "checkpoints"} <= names
    assert client.get_model_version_download_uri(NAME, "1").startswith(str(copy))
    assert str(original) not in str(client.get_run(str(run_id)).info.artifact_uri)


def test_three_moves_and_two_copies_in_a_sweeps_life(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is moved and copied between the launches of a sweep that grows, and the sweep goes on there.

    Every command works at each place, every run is there exactly once, and copied folders stay as they were.
    """
    values, left = ["0.1", "0.2"], {}
    place = copy
    for number in range(3):
        place = place.rename(tmp_path / f"moved {number}")
        if number < 2:
            left[place] = files(place)
            place = Path(shutil.copytree(place, tmp_path / f"copied {number}", symlinks=True))
        monkeypatch.chdir(place)
        values.append(f"0.{3 + number}")
        said = well(*SWEEP, f"learning_rate={','.join(values)}")
        assert f"{len(values)} of {len(values)} runs finished ({len(values) - 1} of them earlier)" in said
        for command in EVERYWHERE:
            well(*command, *(("--out", f"{command[0]}-{number}") if command[0] in ("report", "pull") else ()))
    well("doctor", "--fix")
    runs = ask(place / DATABASE, "SELECT count(*) FROM tags WHERE key = 'qsweep.config'")
    assert runs == [(5,)]
    assert {folder: files(folder) for folder in left} == left
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    "place", ["{tmp}/elsewhere", "http://127.0.0.1:1/x", "s3://bucket/x", "file://host/x"]
)
def test_a_strangers_store(copy: Path, tmp_path: Path, place: str) -> None:
    """Places outside the store are refused by every command that would use them; nothing is written there."""
    location = place.format(tmp=tmp_path)
    change(copy / DATABASE, "UPDATE experiments SET artifact_location = ? WHERE name = ?", location, NAME)
    change(copy / DATABASE, "UPDATE runs SET artifact_uri = ? || '/' || run_uuid || '/artifacts'", location)
    change(copy / DATABASE, "UPDATE model_versions SET source = ?, storage_location = ?", location, location)
    change(copy / DATABASE, "UPDATE logged_models SET artifact_location = ?", location)
    for command in (
        ("train", *TINY, "seed=9"),
        (*SWEEP, "learning_rate=0.7"),
        *(command for command in READING if command[0] in ("report", "pull", "play")),
    ):
        ran = call(*command)
        assert (ran.exit_code, "--trust" in ran.output) == (2, True), ran.output
    well("runs")
    found = call("doctor", "--fix")
    assert (found.exit_code, "foreign files" in found.output) == (1, True)
    assert not (tmp_path / "elsewhere").exists()


def test_trust_uses_a_folder_elsewhere(copy: Path, tmp_path: Path) -> None:
    """With --trust a run is recorded where its experiment says."""
    change(copy / DATABASE, "UPDATE experiments SET artifact_location = ?", f"{tmp_path}/elsewhere")
    well("train", *TINY, "seed=9", "--trust")
    assert list((tmp_path / "elsewhere").glob("*/artifacts/config.yaml"))


def test_a_second_database_in_the_folder(copy: Path) -> None:
    """What another database beside the store may name is neither moved nor purged; what is left is said."""
    with (
        closing(sqlite3.connect(copy / DATABASE)) as store,
        closing(sqlite3.connect("mlruns/other.db")) as other,
    ):
        store.backup(other)
    change(copy / DATABASE, "DELETE FROM tags")
    [*runs] = (run for (run,) in ask(copy / DATABASE, "SELECT run_uuid FROM runs"))
    for table in (
        "latest_metrics",
        "metrics",
        "params",
        "model_version_tags",
        "model_versions",
        "logged_models",
        "runs",
    ):
        change(copy / DATABASE, f"DELETE FROM {table}")
    before = files(copy / "mlruns" / "artifacts")
    said = call("doctor", "--fix").output
    assert "other.db may name them" in " ".join(said.split())
    assert files(copy / "mlruns" / "artifacts") == before
    Path("mlruns/other.db").rename(copy.parent / "other.db")
    well("doctor", "--fix")
    assert all((copy / f"mlruns/lost+found/{NAME}/{run}").exists() for run in runs if run is not None) or len(
        runs
    )
    assert files(copy / "mlruns" / "artifacts") == {}


def test_purging_beside_a_second_database(copy: Path) -> None:
    """A run that another database names stays in the trash, with its files."""
    with (
        closing(sqlite3.connect(copy / DATABASE)) as store,
        closing(sqlite3.connect("mlruns/other.db")) as other,
    ):
        store.backup(other)
    before = files(copy / "mlruns" / "artifacts")
    said = well("gc", "--keep-best", "1", "--purge", "--keep-checkpoints", "1")
    assert "stays in the trash, because the database other.db beside this one may name it" in said
    assert files(copy / "mlruns" / "artifacts") == before
    Path("mlruns/other.db").unlink()
    assert "stays" not in well("gc", "--purge")
    assert files(copy / "mlruns" / "artifacts") != before


def test_files_that_are_not_here_are_not_given_up(copy: Path) -> None:
    """A database that was copied without its artifacts keeps its runs: their files may be where they were."""
    shutil.rmtree("mlruns/artifacts")
    found = call("doctor", "--fix").output
    assert "copy its files here" in " ".join(found.split())
    assert ask(copy / DATABASE, "SELECT DISTINCT status FROM runs") == [("FINISHED",)]
    assert call("pull", f"{NAME}@best").exit_code == 2


def test_runs_without_their_files_are_run_again(copy: Path) -> None:
    """A relaunch repeats the runs whose files were deleted, and no other."""
    [(gone,)] = ask(
        copy / DATABASE, "SELECT run_uuid FROM params WHERE key = 'learning_rate' AND value = '0.2'"
    )
    [folder] = Path("mlruns/artifacts").glob(f"*/{gone}")
    shutil.rmtree(folder)
    assert "2 of 2 runs finished (1 of them earlier)" in well(*SWEEP)


@pytest.mark.parametrize("gone", ["mlruns", "mlruns/artifacts"])
def test_a_store_that_is_deleted_during_a_sweep(
    copy: Path, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    """The sweep fails and says what is missing; a relaunch runs that, and every config once."""
    from qsweep.runs.sweep import batches

    run = batches._run

    def deleting(*given: object) -> object:
        marks = list(run(*given))  # type: ignore[arg-type]
        if given[0][0].number == 3:  # type: ignore[index]
            shutil.rmtree(gone)
        return marks

    monkeypatch.setattr(batches, "_run", deleting)
    more = (*SWEEP, "learning_rate=0.1,0.2,0.3,0.4,0.5", "sweep.batch=1")
    ran = call(*more)
    assert ran.exit_code == 1, ran.output
    assert "failed: " in ran.output
    monkeypatch.setattr(batches, "_run", run)
    assert "5 of 5 runs finished" in well(*more)
    finished = ask(
        copy / DATABASE,
        "SELECT count(*), count(DISTINCT t.value) FROM runs r JOIN tags t USING (run_uuid)"
        " WHERE t.key = 'qsweep.config' AND r.status = 'FINISHED' AND r.lifecycle_stage = 'active'",
    )
    assert finished == [(5, 5)]


@pytest.mark.parametrize(
    "change_parent",
    [
        "UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = ?",
        "DELETE FROM tags WHERE key = 'qsweep.sweep' AND run_uuid = ?",
    ],
)
def test_children_of_a_lost_parent_are_kept(copy: Path, change_parent: str) -> None:
    """A relaunch continues under the parent that was deleted, or has lost its tag."""
    [(parent,)] = ask(copy / DATABASE, "SELECT DISTINCT value FROM tags WHERE key = 'mlflow.parentRunId'")
    change(copy / DATABASE, change_parent, parent)
    assert "2 of 2 runs finished (2 of them earlier)" in well(*SWEEP)
    assert ask(copy / DATABASE, "SELECT count(*) FROM runs") == [(3,)]


def test_a_renamed_experiment_is_named(copy: Path) -> None:
    """A new experiment is made, with a word about the renamed one; each has its own bytes."""
    change(copy / DATABASE, "UPDATE experiments SET name = 'kept' WHERE name = ?", NAME)
    assert "tracking.experiment=kept" in well(*SWEEP)
    lines = [line for line in call("doctor").output.splitlines() if "kept" in line or NAME in line]
    sizes = [float(line.split("│")[3]) for line in lines if line.count("│") == 4]
    total = sum(path.stat().st_size for path in Path("mlruns/artifacts").rglob("*") if path.is_file())
    assert sum(sizes) * 1e6 < 1.1 * total + 2e5


def test_an_experiment_of_another_program(copy: Path) -> None:
    """Neither a report nor the leaderboard is made of runs that are not qsweep's."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{copy / DATABASE}")
    client.create_run(client.create_experiment("other", f"{copy}/mlruns/artifacts/other"))
    for command in (("report", "other"), ("runs", "other")):
        ran = call(*command)
        assert (ran.exit_code, "without a run of qsweep" in ran.output) == (2, True), ran.output
    assert not Path("other-report").exists()


def test_a_version_that_qsweep_did_not_register(copy: Path) -> None:
    """It keeps its alias, and that is said; it cannot be pulled, and is no defect."""
    change(copy / DATABASE, "DELETE FROM model_version_tags")
    said = well("train", *TINY, "seed=8")
    assert f"{NAME}@best is kept: qsweep did not register it" in said
    assert call("pull", f"{NAME}@best").exit_code == 2
    assert "version" not in [
        line.split("│")[1].strip() for line in call("doctor").output.splitlines() if "│" in line
    ]


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0", b"no database", None])
def test_a_database_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    """An empty database is made anew; another file, or another program's database, is left as it is."""
    monkeypatch.chdir(tmp_path)
    DATABASE.parent.mkdir()
    if content is None:
        change(DATABASE, "CREATE TABLE studies (study_id)")
    else:
        DATABASE.write_bytes(content)
    before = DATABASE.read_bytes()
    codes = [call("doctor", "--fix").exit_code for _ in range(2)]
    assert not list(DATABASE.parent.glob("*backup*"))
    if content == b"":
        assert codes == [0, 0]
        assert call("doctor").exit_code == 0
    else:
        assert set(codes) <= {1, 2}
        assert DATABASE.read_bytes() == before


def test_a_read_only_folder(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command that reads works where nothing can be written; one that writes says so."""
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and access(path, mode))
    before = files(copy / "mlruns")
    for command in READING:
        well(*command)
    assert call("doctor").exit_code == 1  # the copy was moved
    for command in (("doctor", "--fix"), ("train", *TINY, "seed=5")):
        ran = call(*command)
        assert (ran.exit_code, "writ" in ran.output or "readonly" in ran.output) == (2, True), ran.output
    assert files(copy / "mlruns") == before


@pytest.mark.parametrize("key", ["sweep.name", "tracking.experiment"])
def test_names_that_are_too_long_for_a_folder(copy: Path, key: str) -> None:
    """A name of 300 bytes is cut where it becomes the name of a folder."""
    name = "山" * 100
    well(*SWEEP, f"{key}='{name}'")
    well("report", name, "--out", "long")
    assert all(len(os.fsencode(path.name)) <= 255 for path in copy.rglob("*"))
