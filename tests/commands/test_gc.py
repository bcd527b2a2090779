from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qsweep.commands.doctor.examination import examine
from qsweep.commands.gc.collection import collect
from qsweep.commands.gc.condition import Condition, kept_checkpoints
from qsweep.errors import UsageError
from qsweep.tracking.checkpoints import FILE_NAME, Archive, History, name_of, sha256
from qsweep.tracking.run_search import every_run
from qsweep.tracking.store import Store, open_store
from tests.support import recorded

CHECKPOINTS = range(10, 110, 10)


@pytest.fixture
def store(workdir: Path) -> Store:  # noqa: ARG001
    """The empty store of an empty folder."""
    return open_store("local")


def archive(store: Store, run_id: str) -> Path:
    """Write a checkpoint file with ten checkpoints into a run's files."""
    folder = Path(store.client.get_run(run_id).info.artifact_uri) / "checkpoints"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    with History(folder / FILE_NAME, (20, 20, 3), {"config": {"seed": 0}}) as history:
        for episodes in CHECKPOINTS:
            history.add(episodes, generator.normal(size=(20, 20, 3)))
    return folder / FILE_NAME


def register(store: Store, run_id: str, checkpoint: str) -> None:
    """Register a checkpoint as a version, without a model's files."""
    store.client.create_registered_model("M")
    tags = {"qsweep.run_id": run_id, "qsweep.checkpoint": checkpoint}
    store.client.create_model_version("M", "nowhere", run_id, tags)


def stay(store: Store) -> set[str]:
    """Return the runs that are not deleted."""
    return {run.run_id for run in every_run(store).values() if not run.deleted}


@pytest.mark.parametrize(
    ("condition", "chosen", "expected"),
    [
        (Condition(thin=4), set(), [40, 80, 100]),
        (Condition(thin=4), {10, 90, 95}, [10, 40, 80, 90, 100]),
        (Condition(thin=1), set(), [*CHECKPOINTS]),
        (Condition(thin=99), set(), [100]),
        (Condition(keep_checkpoints=5), set(), [20, 40, 60, 80, 100]),
        (Condition(keep_checkpoints=4), set(), [30, 60, 90, 100]),
        (Condition(keep_checkpoints=99), set(), [*CHECKPOINTS]),
    ],
)
def test_checkpoints_that_stay_by_hand(condition: Condition, chosen: set[int], expected: list[int]) -> None:
    """Every n-th, the existing chosen ones, and the last are kept."""
    assert kept_checkpoints([*CHECKPOINTS], chosen, condition) == expected


def test_nothing_goes_without_a_condition(store: Store) -> None:
    """An empty condition, numbers below one and an invalid age are refused, all at once."""
    recorded.record(store, score=-150.0)
    with pytest.raises(UsageError, match="needs a condition on what to delete"):
        collect(store, None, Condition())
    with pytest.raises(UsageError) as refused:
        collect(store, None, Condition("soon", 0, 0, 3))
    assert [problem.key for problem in refused.value.problems] == [
        "--keep-best",
        "--thin-checkpoints",
        "--older-than",
    ]
    assert len(stay(store)) == 1


def test_runs_go_by_the_rank_of_their_variant(store: Store) -> None:
    """The best two of three variants keep all their seeds, including a bad one; a dry run deletes nothing."""
    runs = recorded.sweep(store, "s", {10: [-150, -190], 20: [-160, -160], 30: [-155, -195]})
    failed = recorded.record(store, {"buckets": 30, "sweep": {"name": "s"}}, status="FAILED")
    assert collect(store, "s", Condition(keep_best=2), dry=True).runs == 3
    assert len(stay(store)) == 7
    assert collect(store, "s", Condition(keep_best=2)).runs == 3
    assert stay(store) == {*runs[:4]}
    assert failed not in stay(store)


def test_runs_go_by_age(store: Store) -> None:
    """No run is older than a day, all are older than a second; with a rank both must hold."""
    recorded.sweep(store, "s", {10: [-150], 20: [-160]})
    assert collect(store, None, Condition("1d", keep_best=1)).runs == 0
    assert collect(store, None, Condition("0m", keep_best=1)).runs == 1
    assert collect(store, None, Condition("0m")).runs == 1


def test_registered_runs_and_running_ones_and_their_parents_stay(store: Store) -> None:
    """A parent is deleted with the last of its runs, not before."""
    parents = [recorded.parent(store, name) for name in ("a", "b", "c")]
    runs = [recorded.record(store, {"seed": n}, -150.0, parent=p) for n, p in enumerate(parents)]
    store.client.update_run(runs[2], status="RUNNING")
    register(store, runs[0], "ep000100")
    collected = collect(store, None, Condition("0m", purge=True))
    assert (collected.runs, collected.purged, collected.kept) == (2, 2, 1)
    assert set(every_run(store)) == {runs[0], parents[0], runs[2], parents[2]}


@pytest.mark.parametrize("place", ["{files}/model", "file://{files}", "runs:/{run}/model", "models:/{model}"])
def test_a_version_may_name_only_the_place_of_its_files(store: Store, place: str) -> None:
    """A run whose files a version names is kept, although the version does not name the run."""
    kept, gone = (recorded.record(store, {"seed": n}, -150.0) for n in range(2))
    info = store.client.get_run(kept).info
    model = store.client.create_logged_model(info.experiment_id, source_run_id=kept)
    source = place.format(files=info.artifact_uri, run=kept, model=model.model_id)
    with closing(sqlite3.connect(store.database or "")) as connection, connection:
        connection.execute(
            "INSERT INTO registered_models (name, workspace, creation_time) VALUES ('M', 'default', 0)"
        )
        connection.execute(
            "INSERT INTO model_versions (name, workspace, version, creation_time, current_stage, source,"
            " status) VALUES ('M', 'default', 1, 0, 'None', ?, 'READY')",
            (source,),
        )
    collected = collect(store, None, Condition("0m", purge=True))
    assert (collected.purged, collected.kept) == (1, 1)
    assert kept in every_run(store)
    assert gone not in every_run(store)


def test_purged_runs_are_gone_with_their_files(store: Store) -> None:
    """Runs in the trash are purged too; the bytes are those of the files, and the store has no defects."""
    first, second, third = (recorded.record(store, {"seed": n}, -150.0) for n in range(3))
    paths = [archive(store, run_id) for run_id in (first, second, third)]
    sizes = [path.stat().st_size for path in paths]
    register(store, third, "ep000100")
    store.client.delete_run(first)
    collected = collect(store, "MountainCar-v0", Condition("0m", purge=True))
    assert (collected.purged, collected.purged_bytes) == (2, sizes[0] + sizes[1])
    assert [path.exists() for path in paths] == [False, False, True]
    assert set(every_run(store)) == {third}
    assert not any(found.defect.kind == "orphaned files" for found in examine().found)


def test_files_outside_the_store_are_not_touched(store: Store, tmp_path: Path) -> None:
    """Files outside the store, named in a run's record directly or through a link, are kept."""
    run_id = recorded.record(store, score=-150.0)
    path = archive(store, run_id)
    precious = tmp_path / "precious" / run_id
    precious.parent.mkdir()
    path.parents[2].rename(precious)
    path.parents[2].symlink_to(precious)
    before = path.read_bytes()
    collect(store, None, Condition(thin=5))
    collect(store, None, Condition("0m", purge=True))
    assert (precious / "artifacts" / "checkpoints" / FILE_NAME).read_bytes() == before


def test_a_thinned_history_keeps_what_matters_to_the_bit(store: Store) -> None:
    """The best, last, registered and every fifth are kept; a dry run predicts the bytes freed."""
    run_id = recorded.record(store, score=-150.0, best_episode=30.0)
    path = archive(store, run_id)
    register(store, run_id, "ep000070")
    tables = {number: sha256(table) for number, table in Archive(path).tables(CHECKPOINTS)}
    before = path.stat().st_size
    predicted = collect(store, None, Condition(thin=5), dry=True)
    assert path.stat().st_size == before
    assert collect(store, None, Condition(thin=5)) == replace(predicted, dry=False)
    assert before - path.stat().st_size == predicted.history_bytes > 0
    reduced = Archive(path)
    assert reduced.names() == [name_of(n) for n in (30, 50, 70, 100)]
    assert all(sha256(table) == tables[number] for number, table in reduced.tables(CHECKPOINTS))
    assert reduced.about == {"config": {"seed": 0}}
    assert [file.name for file in path.parent.iterdir()] == [FILE_NAME]
    assert collect(store, None, Condition(thin=1)).histories == 0


def test_a_damaged_history_is_skipped_and_named(store: Store) -> None:
    """A damaged file is left unchanged, and the others are reduced."""
    runs = [recorded.record(store, {"seed": seed}, -150.0) for seed in range(2)]
    paths = [archive(store, run_id) for run_id in runs]
    data = bytearray(paths[0].read_bytes())
    data[len(data) // 2] ^= 1
    paths[0].write_bytes(data)
    collected = collect(store, None, Condition(keep_checkpoints=2))
    assert collected.histories == 1
    assert runs[0] in collected.skipped[0]
    assert paths[0].read_bytes() == data


def test_a_write_that_fails_leaves_the_history(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the disk is full, the old file stays, and nothing else is left."""
    path = archive(store, recorded.record(store, score=-150.0))
    before = path.read_bytes()

    def full(*_: object) -> int:
        raise OSError("no space left on device")

    monkeypatch.setattr("qsweep.system.atomic_files.AtomicFile.write", full)
    assert "no space" in collect(store, None, Condition(thin=5)).skipped[0]
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [FILE_NAME]


def test_the_command(qsweep: Callable[..., subprocess.CompletedProcess[str]], store: Store) -> None:
    """It prints what would be deleted; without a condition it exits with 2."""
    recorded.record(store, score=-150.0)
    assert "1 run would be moved to the trash" in qsweep("gc", "--dry-run", "--older-than", "0m").stdout
    assert qsweep("gc").returncode == 2
    assert len(stay(store)) == 1
