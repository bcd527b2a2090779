from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from mlflow.entities import Metric

from qsweep.errors import UsageError
from qsweep.policies.registry.names import Target, as_stored, checkpoint_in, resolve
from qsweep.tracking import RunRecord, tracker
from qsweep.tracking.checkpoints import Archive, History
from qsweep.tracking.store import Store, open_store

BEST = {"best_episode": 17_500.0, "test/return_mean": -120.0, "final/return_mean": -130.0}


@dataclass(frozen=True)
class Filled:
    """A store, and the ids of its runs by label."""

    store: Store
    ids: dict[str, str]


@pytest.fixture(scope="module")
def filled(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """Runs with all kinds of names, and a model of three versions, one of which is not ours."""
    folder = tmp_path_factory.mktemp("names")
    shutil.copy(migrated_store, folder / "mlflow.db")
    store = open_store(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = store.client.create_experiment("MountainCar-v0", str(folder / "artifacts"))
    names = {
        "plain": "buckets=20,seed=0",
        "first twin": "twin",
        "second twin": "twin",
        "quoted": "it's",
        "doubly quoted": 'it\'s "odd"',
        "at": "me@home",
        "unevaluated": "unevaluated",
    }
    ids = {}
    for number, (label, name) in enumerate(names.items()):
        ours = {"qsweep.config": "c"}
        run = store.client.create_run(experiment, 1_790_000_000_000 + 1000 * number, ours, name)
        ids[label] = run.info.run_id
        if label != "unevaluated":
            store.client.log_batch(run.info.run_id, [Metric(key, value, 0, 0) for key, value in BEST.items()])
    ids["parent"] = store.client.create_run(experiment, run_name="sweep").info.run_id
    store.client.create_registered_model("MountainCar-v0")
    for tags in (
        {"qsweep.run_id": ids["plain"], "qsweep.checkpoint": "ep017500"},
        {"qsweep.run_id": ids["unevaluated"], "qsweep.checkpoint": "ep000200"},
        {"qsweep.run_id": "../../x", "qsweep.checkpoint": "ep000200"},
    ):
        store.client.create_model_version("MountainCar-v0", "/nowhere", tags=tags)
    store.client.set_registered_model_alias("MountainCar-v0", "best", "2")
    return Filled(store, ids)


def refused(filled: Filled, name: str) -> str:
    """The one message with which a name is refused."""
    with pytest.raises(UsageError) as caught:
        resolve(filled.store, name)
    [problem] = caught.value.problems
    return str(problem)


def test_an_alias(filled: Filled) -> None:
    """MODEL@ALIAS is the version that has the alias, with the run and checkpoint in its tags."""
    found = resolve(filled.store, "MountainCar-v0@best")
    assert found == Target(filled.ids["unevaluated"], "ep000200", model="MountainCar-v0", version="2")


@pytest.mark.parametrize("name", ["MountainCar-v0/1", "MountainCar-v0/001"])
def test_a_version(filled: Filled, name: str) -> None:
    """MODEL/VERSION is that version."""
    found = resolve(filled.store, name)
    assert found == Target(filled.ids["plain"], "ep017500", model="MountainCar-v0", version="1")


@pytest.mark.parametrize("label", ["plain", "quoted", "doubly quoted", "at"])
def test_a_run_by_its_name(filled: Filled, label: str) -> None:
    """RUN is its best checkpoint, with what that scored on test starts; the last table's score is not."""
    found = resolve(filled.store, str(filled.store.client.get_run(filled.ids[label]).info.run_name))
    assert (found.run_id, found.checkpoint, found.version) == (filled.ids[label], "ep017500", "")
    assert found.metrics == {"test/return_mean": -120.0}


@pytest.mark.parametrize("digits", [slice(-6, None), slice(-12, None), slice(0, 20), slice(0, 32)])
def test_a_run_by_its_id(filled: Filled, digits: slice) -> None:
    """An id, its last six digits or more, or more of its first ones, stand for the run."""
    assert resolve(filled.store, filled.ids["first twin"][digits]).run_id == filled.ids["first twin"]


def test_five_digits_are_no_id(filled: Filled) -> None:
    """Fewer than six digits of an id are not accepted."""
    assert "is not the name or id of a run" in refused(filled, filled.ids["first twin"][-5:])


@pytest.mark.parametrize("checkpoint", ["ep017500", "ep17500"])
def test_a_checkpoint_of_a_run(filled: Filled, checkpoint: str) -> None:
    """RUN/CHECKPOINT is that checkpoint, with or without leading zeros; the best has its scores."""
    found = resolve(filled.store, f"buckets=20,seed=0/{checkpoint}")
    assert (found.checkpoint, found.metrics) == ("ep017500", {"test/return_mean": -120.0})


def test_another_checkpoint_has_no_scores(filled: Filled) -> None:
    """A checkpoint that was not chosen does not have the scores of the chosen one."""
    found = resolve(filled.store, "buckets=20,seed=0/ep000010")
    assert (found.checkpoint, found.metrics) == ("ep000010", {})


def test_a_run_without_a_best_is_its_last(filled: Filled) -> None:
    """If no checkpoint was evaluated, RUN is the last one."""
    assert resolve(filled.store, "unevaluated").checkpoint is None


def test_several_runs_of_one_name(filled: Filled) -> None:
    """The name means the newest of them that has ended; of runs that have not, the newest."""
    first, second = filled.ids["first twin"], filled.ids["second twin"]
    client = filled.store.client
    for number, (run_id, status) in enumerate([("", ""), (first, "FAILED"), (second, "KILLED")]):
        if run_id:
            client.update_run(run_id, status=status)
        expected = first if number == 1 else second
        assert (
            resolve(filled.store, "twin").run_id == resolve(filled.store, "twin/ep17500").run_id == expected
        )


@pytest.mark.usefixtures("workdir")
def test_part_of_several_ids() -> None:
    """A beginning that ids share is refused with the ids and when each started, the newest first."""
    store = open_store("local")
    logs = [tracker(store).open(RunRecord(name, "e", {}, {"qsweep.config": "c"})) for name in ("a", "b")]
    ids = [log.run_id for log in logs]
    for log in logs:
        log.close("FINISHED", {}, {})
    message = refused(Filled(store, {}), ids[0][:6])  # qsweep's ids begin with the time
    assert "is part of the ids of 2 runs" in message
    assert re.search(f"newest first: {ids[1]} .started 20.* UTC., {ids[0]}", message)


@pytest.mark.parametrize(
    ("name", "rule", "remedy"),
    [
        ("MountainCar-v0@bset", "is not the alias of any version", "MountainCar-v0@best"),
        ("MountainCar-v0/9", "is not a registered version", "MountainCar-v0/1"),
        ("MountainCar-v1/2", "is not a version of a registered model", "MountainCar-v0/2"),
        ("MountianCar-v0@best", "is not the name or id of a run", "MountainCar-v0@best"),
        ("buckets=20,seed=1", "is not the name or id of a run", "buckets=20,seed=0"),
        ("buckets=20,sed=0/ep000010", "is not the name or id of a run", "buckets=20,seed=0"),
        ('it\'s "odder"', "is not the name or id of a run", "it's"),
        ("sweep", "is not the name or id of a run", "known: "),
        ("%", "is not the name or id of a run", "twin"),
    ],
)
def test_an_unknown_name(filled: Filled, name: str, rule: str, remedy: str) -> None:
    """An unknown name is refused, and the message lists similar names."""
    message = refused(filled, name)
    assert rule in message
    assert remedy in message.partition("(")[2]


def test_a_version_of_others(filled: Filled) -> None:
    """A version whose tags are not as qsweep writes them is refused."""
    assert "did not register" in refused(filled, "MountainCar-v0/3")


@pytest.mark.parametrize(
    "name",
    ["", "/", "../x", "/etc/passwd", "a/../../b", "a/..", "./a", "a//b", "a/b/c", "a\\b", "a\nb", "a\0b"],
)
def test_what_no_name_can_be(filled: Filled, name: str) -> None:
    """Paths, empty parts, backslashes and characters that do not print are refused."""
    assert "must be MODEL@ALIAS, MODEL/VERSION, RUN or RUN/CHECKPOINT" in refused(filled, name)


@pytest.mark.parametrize("checkpoint", ["bset", "17500 ", "ep", "ep1e3", "ep-5", "ep9999999999"])
def test_what_no_checkpoint_can_be(filled: Filled, checkpoint: str) -> None:
    """A checkpoint that is not named like ep017500 is refused."""
    assert "checkpoint names look like ep017500" in refused(filled, f"twin/{checkpoint}")


def test_an_empty_store(migrated_store: Path, tmp_path: Path) -> None:
    """In an empty store, the message says how to begin."""
    shutil.copy(migrated_store, tmp_path / "mlflow.db")
    store = open_store(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert "the store is empty: run qsweep train" in refused(Filled(store, {}), "anything")


def archive(folder: Path, episodes: Iterable[int]) -> Archive:
    with History(folder / "history.parquet", (2, 2), {}) as history:
        for number in episodes:
            history.add(number, np.full((2, 2), float(number)))
    return Archive(folder / "history.parquet")


def test_the_checkpoint_in_an_archive(tmp_path: Path) -> None:
    """It is the checkpoint that the target names, or the last if it names none."""
    read = archive(tmp_path, [10, 20, 25])
    assert checkpoint_in(read, Target("", "ep000020")) == "ep000020"
    assert checkpoint_in(read, Target("", None)) == "ep000025"


def test_no_such_checkpoint_in_an_archive(tmp_path: Path) -> None:
    """The message lists the nearest checkpoints, not all of them."""
    read = archive(tmp_path, range(10, 3010, 10))
    with pytest.raises(UsageError, match=r"nearest: ep001230, ep001240; there are 300, the last is ep003000"):
        checkpoint_in(read, Target("", "ep001234"))


@pytest.mark.parametrize(
    "name",
    [
        *("mod:ns/Env-v0@best", "mod_ns_Env-v0@best", "mod:ns/Env-v0/1", "mod_ns_Env-v0/1"),
        *(
            "env.id=mod:ns/Env-v0,seed=0",
            "env.id=mod:ns/Env-v0,seed=0/ep017500",
            "env.id=mod:ns_Env-v0,seed=0",
        ),
    ],
)
def test_an_environments_id_is_found_as_it_is_written(name: str, namespaced: Filled) -> None:
    """Stores have another spelling of an id with a slash; both find its model and its runs."""
    found = resolve(namespaced.store, name)
    assert (found.run_id, found.checkpoint) == (namespaced.ids["run"], "ep017500")


@pytest.fixture(scope="module")
def namespaced(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """A run and a model of an environment whose id has a slash."""
    folder = tmp_path_factory.mktemp("namespaced")
    shutil.copy(migrated_store, folder / "mlflow.db")
    store = open_store(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = store.client.create_experiment("mod:ns_Env-v0", str(folder / "artifacts"))
    tags = {"qsweep.config": "c"}
    run = store.client.create_run(experiment, tags=tags, run_name="env.id=mod:ns_Env-v0,seed=0")
    store.client.log_batch(run.info.run_id, [Metric(key, value, 0, 0) for key, value in BEST.items()])
    store.client.create_registered_model("mod_ns_Env-v0")
    version = {"qsweep.run_id": run.info.run_id, "qsweep.checkpoint": "ep017500"}
    store.client.create_model_version("mod_ns_Env-v0", "/nowhere", tags=version)
    store.client.set_registered_model_alias("mod_ns_Env-v0", "best", "1")
    return Filled(store, {"run": run.info.run_id})


@pytest.mark.parametrize("name", ["../x-v0", "./x-v0", "~/x-v0", "a/../x-v0", "a/b/c-v0", "a//x-v0", "/x-v0"])
def test_paths_are_no_ids(name: str, filled: Filled) -> None:
    """What leaves its folder stays refused, though it looks like an id."""
    assert "must be MODEL@ALIAS" in refused(filled, name) or "is not" in refused(filled, name)
    assert as_stored(name) == name
