from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from qsweep import seeds
from qsweep.plan.resolution import resolve
from qsweep.policies.evaluation.evaluator import TEST_FILE, EvaluationResult
from qsweep.policies.evaluation.rollouts import Rollouts
from qsweep.policies.evaluation.starts import StartSet
from qsweep.policies.registry.promotion import BEST, COMPARED, Promotion, register
from qsweep.policies.registry.versions import model_name
from qsweep.runs.runner import about, run_record
from qsweep.tracking import tracker
from qsweep.tracking.checkpoints import FILE_NAME, History
from qsweep.tracking.store import Store, open_store

NAME = "MountainCar-v0"


@pytest.fixture
def store(workdir: Path) -> Store:
    """An empty store."""
    return open_store(f"sqlite:///{workdir}/mlruns/mlflow.db")


def table_of(seed: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(3, 4, 3))


def candidate(store: Store, returns: Sequence[float], seed: int = 0, max_steps: int = 200) -> str:
    """Record a run whose checkpoint ep000010, a random table, has `returns` on test starts; return its id."""
    values = {"episodes": 20, "buckets": [3, 4], "seed": seed, "env": {"max_steps": max_steps}}
    config = resolve({**values, "evaluation": {"test_episodes": len(returns)}})
    log = tracker(store).open(run_record(config, f"seed={seed}", ""))
    rollouts = Rollouts(
        np.array(returns, float), np.full(len(returns), 9, np.int32), np.ones(len(returns), bool)
    )
    result = EvaluationResult(
        10, table_of(seed), rollouts, rollouts, StartSet(seeds.test(len(returns))), NAME
    )
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with History(folder / FILE_NAME, (3, 4, 3), about(config)) as history:
            history.add(10, table_of(seed))
            history.add(20, np.zeros((3, 4, 3)))
        log.keep(folder / FILE_NAME, "checkpoints")
        result.write(folder / TEST_FILE)
        log.keep(folder / TEST_FILE, "evaluation")
    log.close("FINISHED", result.metrics(), {})
    return log.run_id


def best(store: Store) -> str:
    """The run that `best` stands for."""
    return str(store.client.get_model_version_by_alias(NAME, BEST).run_id)


def versions(store: Store) -> int:
    return len(store.client.search_model_versions(f"name = '{NAME}'"))


def test_the_first_is_the_best(store: Store) -> None:
    """The first run to be registered has nothing to beat."""
    run_id = candidate(store, [-150, -140])
    assert register(store, run_id) == Promotion(NAME, "1", better=True, difference=None)
    assert (best(store), versions(store)) == (run_id, 1)


def test_a_worse_one_is_a_version_only(store: Store) -> None:
    """A worse run becomes a version, `best` stays, and the difference is reported."""
    first, worse = candidate(store, [-150, -140]), candidate(store, [-160, -150], seed=1)
    register(store, first)
    assert register(store, worse) == Promotion(NAME, "2", better=False, difference=-10.0)
    assert (best(store), versions(store)) == (first, 2)


def test_a_better_one_takes_its_place(store: Store) -> None:
    """A better run becomes a version and `best`."""
    first, better = candidate(store, [-150, -140]), candidate(store, [-149, -136], seed=1)
    register(store, first)
    assert register(store, better) == Promotion(NAME, "2", better=True, difference=2.5)
    assert best(store) == better


@pytest.mark.parametrize("returns", [[-150, -140], [-170, -160]])
def test_a_registration_that_was_killed_is_finished_by_the_next(store: Store, returns: list[int]) -> None:
    """A version that was made, but not compared, becomes `best` if it is, when another run is registered."""
    killed, next_one = candidate(store, returns), candidate(store, [-160, -150], seed=1)
    register(store, killed)
    store.client.delete_registered_model_alias(NAME, BEST)
    store.client.delete_model_version_tag(NAME, "1", COMPARED)
    register(store, next_one)
    assert best(store) == (killed if returns[0] == -150 else next_one)
    assert all(COMPARED in store.client.get_model_version(NAME, number).tags for number in ("1", "2"))


def test_an_equal_one_does_not(store: Store) -> None:
    """An equally good run does not become `best`; registering a run again gives the same version."""
    first, equal = candidate(store, [-150, -140]), candidate(store, [-140, -150], seed=1)
    register(store, first)
    assert register(store, equal) == Promotion(NAME, "2", better=False, difference=0.0)
    assert register(store, first) == Promotion(NAME, "1", better=True, difference=None)
    assert store.client.get_model_version_by_alias(NAME, BEST).version == 1


@pytest.mark.parametrize(
    ("incumbent", "challenger", "difference"),
    [
        ([-200, -200, -100, -100, -100, -100], [-190, -190], 10.0),
        ([-190, -190], [-200, -200, -100, -100, -100, -100], -10.0),
        ([-100, -200, -300], [-110], -10.0),
        ([-110], [-100, -200, -300], 10.0),
    ],
    ids=["fewer", "more", "one", "more and better"],
)
def test_only_common_starts_are_compared(
    store: Store, incumbent: list[float], challenger: list[float], difference: float
) -> None:
    """Runs with different numbers of test episodes are compared on their common starts."""
    register(store, candidate(store, incumbent))
    promotion = register(store, candidate(store, challenger, seed=1))
    better = difference > 0 and len(challenger) >= len(incumbent)
    assert promotion == Promotion(NAME, "2", better, difference)


def test_another_environment_is_not_compared(store: Store) -> None:
    """A run with another step limit, which loses less because it ends sooner, does not become `best`."""
    first, shorter = candidate(store, [-120, -130]), candidate(store, [-50, -50], seed=1, max_steps=50)
    register(store, first)
    assert not register(store, shorter).better
    assert best(store) == first


def test_the_registered_environment_comes_first(store: Store) -> None:
    """A run in the environment as it is registered takes `best` from one with another step limit."""
    shorter, standard = candidate(store, [-50, -50], seed=1, max_steps=50), candidate(store, [-120, -130])
    assert register(store, shorter).better
    assert register(store, standard) == Promotion(NAME, "2", better=True, difference=None)
    assert not register(store, shorter).better


def test_a_lucky_few_starts_do_not_win(store: Store) -> None:
    """A run evaluated on fewer starts than the best does not replace it, even with a better return."""
    first = candidate(store, [-150, -140, -160])
    lucky = candidate(store, [-90], seed=1)
    register(store, first)
    promotion = register(store, lucky)
    assert (promotion.better, promotion.difference) == (False, 60.0)
    assert "measured on more starts" in str(promotion)


def erase_artifacts(store: Store, run_id: str) -> None:
    shutil.rmtree(store.client.get_run(run_id).info.artifact_uri)


def delete(store: Store, run_id: str) -> None:
    store.client.delete_run(run_id)


def erase(store: Store, run_id: str) -> None:
    """Delete a run permanently, as `mlflow gc` does."""
    store.client.delete_run(run_id)
    erase_artifacts(store, run_id)
    store.client._tracking_client.store._hard_delete_run(run_id)


@pytest.mark.parametrize("remove", [delete, erase_artifacts, erase])
def test_the_best_run_was_deleted(store: Store, remove: Callable[[Store, str], None]) -> None:
    """If the run of the current best was deleted, the mean in its version's tags has to be beaten."""
    first, worse, better = (
        candidate(store, returns, seed)
        for seed, returns in enumerate(([-150, -140], [-151, -140], [-149, -140]))
    )
    register(store, first)
    remove(store, first)
    assert register(store, worse) == Promotion(NAME, "2", better=False, difference=-0.5)
    assert register(store, better) == Promotion(NAME, "3", better=True, difference=0.5)
    assert best(store) == better


def test_what_a_version_says(store: Store) -> None:
    """A version has tags with its run, checkpoint and mean; its model has the run's test metrics."""
    run_id = candidate(store, [-150, -140.5])
    register(store, run_id)
    found = store.client.get_model_version(NAME, "1")
    run = store.client.get_run(run_id)
    assert found.tags == {
        "qsweep.environment": run.data.tags["qsweep.environment"],
        "qsweep.standard": "true",
        "qsweep.test_episodes": "2",
        "qsweep.run_id": run_id,
        "qsweep.checkpoint": "ep000010",
        "qsweep.test_return_mean": "-145.25",
        "qsweep.judged": "true",
    }
    assert found.run_id == run_id
    assert store.client.get_registered_model(NAME).description == "Greedy policies for MountainCar-v0"
    run = store.client.get_run(run_id)
    [model] = store.client.search_logged_models([run.info.experiment_id])
    assert model.artifact_location == found.source
    scores = {metric.key: metric.value for metric in model.metrics}
    expected = {k: value for k, value in run.data.metrics.items() if k.startswith(("test/", "final/"))}
    assert scores == expected
    assert (model.status, model.source_run_id) == ("READY", run_id)


def test_registering_leaves_the_runs_metrics_as_they_were(store: Store) -> None:
    """A run has the same metrics after it was registered as before."""
    run_id = candidate(store, [-150, -140])
    before = store.client.get_run(run_id).data.metrics
    register(store, run_id)
    assert store.client.get_run(run_id).data.metrics == before


REGISTERED = {
    "logged_models": "name, experiment_id, status, lifecycle_stage, model_type, status_message",
    "logged_model_metrics": "metric_name, metric_step, metric_value, experiment_id, dataset_name",
    "logged_model_params": "param_key",
    "logged_model_tags": "tag_key",
    "registered_models": "name, description, workspace",
    "registered_model_tags": "key",
    "registered_model_aliases": "name, alias, version, workspace",
    "model_versions": "name, version, description, user_id, current_stage, status, status_message, run_link,"
    " workspace, source = storage_location",
    "model_version_tags": "name, version, value, workspace",
}
"""Each table of the registry, and its columns but for ids, times and folders."""


def registered(database: Path) -> dict[str, list[Any]]:
    """Return the contents of a registry's tables, sorted."""
    with closing(sqlite3.connect(database)) as connection:
        return {
            table: sorted(connection.execute(f"SELECT {columns} FROM {table}").fetchall(), key=repr)
            for table, columns in REGISTERED.items()
        }


def test_a_local_registry_is_as_mlflow_would_have_it(tmp_path: Path, migrated_store: Path) -> None:
    """Registering without MLflow writes the same rows and files as its client, and returns the same."""
    said, left, files = [], [], []
    for through_mlflow in (False, True):
        database = tmp_path / str(through_mlflow) / "mlflow.db"
        database.parent.mkdir()
        shutil.copy(migrated_store, database)
        store = open_store(f"sqlite:///{database}")
        means = (-150.0, -120.0, -130.0)
        runs = [candidate(store, [mean, mean - 1], seed) for seed, mean in enumerate(means)]
        if through_mlflow:
            store = replace(store, tables=None)
        said.append([register(store, run_id) for run_id in runs])
        found = registered(database)
        ids = [run_id for run_id in runs for row in found["model_version_tags"] if run_id in row]
        assert sorted(ids) == sorted(runs)
        found["model_version_tags"] = [row for row in found["model_version_tags"] if row[2] not in runs]
        left.append(found)
        folder = database.parent / "artifacts" / NAME / "models"
        files.append(sorted("/".join(p.relative_to(folder).parts[1:]) for p in folder.rglob("*.*")))
    assert said[0] == said[1]
    assert left[0] == left[1]
    assert files[0] == files[1]
    assert [promotion.better for promotion in said[0]] == [True, True, False]


PREDICT = """
import json, sys
import mlflow, numpy as np
mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_registry_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/MountainCar-v0@best")
print(json.dumps(model.predict(np.array(json.loads(sys.argv[2]))).to_dict("list")))
"""


@pytest.mark.slow
def test_mlflow_loads_the_best(store: Store, tmp_path: Path) -> None:
    """MLflow alone, given the store's plain URI, loads `best` by name and gets its table's values."""
    register(store, candidate(store, [-150], seed=5))
    centres = [[-1.2 + 0.6 * (i + 0.5), -0.07 + 0.035 * (j + 0.5)] for i in range(3) for j in range(4)]
    ran = subprocess.run(
        [sys.executable, "-c", PREDICT, store.uri, json.dumps(centres)],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    predicted = json.loads(ran.stdout)
    table = table_of(5).reshape(12, 3)
    assert predicted["action"] == table.argmax(axis=1).tolist()
    assert [predicted[f"q_{a}"] for a in range(3)] == table.T.tolist()


@pytest.mark.parametrize(
    ("env_id", "name"),
    [
        ("MountainCar-v0", "MountainCar-v0"),
        ("ALE/Pong-v5", "ALE_Pong-v5"),
        ("my.envs:Maze-v1", "my.envs_Maze-v1"),
    ],
)
def test_the_models_name(store: Store, env_id: str, name: str) -> None:
    """A model is called after its environment, without the characters that MLflow refuses."""
    assert model_name(env_id) == name
    assert store.client.create_registered_model(name).name == name


REGISTER = """
import sys
from qsweep.policies.registry.promotion import register
from qsweep.tracking.store import open_store
print(register(open_store("local"), sys.argv[1]).better)
"""


@pytest.mark.slow
@pytest.mark.integration
def test_many_register_at_once(store: Store, workdir: Path) -> None:
    """If six processes register runs at the same time, the best run is `best` at the end."""
    means = [-150, -130, -170, -110, -140, -120]
    runs = [candidate(store, [mean - 5, mean + 5], seed) for seed, mean in enumerate(means)]
    processes = [
        subprocess.Popen([sys.executable, "-c", REGISTER, run_id], cwd=workdir, stdout=subprocess.PIPE)
        for run_id in runs
    ]
    said = [process.communicate(timeout=240)[0].decode().strip() for process in processes]
    assert [process.returncode for process in processes] == [0] * 6
    assert said[3] == "True"
    assert (best(store), versions(store)) == (runs[3], 6)
    assert len({found.run_id for found in store.client.search_model_versions()}) == 6


LAKE = "FrozenLake-v1"


def lake_candidate(store: Store, action: int, returns: Sequence[float], seed: int, exact: bool) -> str:
    """Record a run on a dry lake whose checkpoint always takes one action at the start and else goes home.

    exact: whether it records its expected return; runs of older versions did not.
    """
    env = {"id": LAKE, "low": None, "high": None, "kwargs": {"is_slippery": False}}
    config = resolve({"episodes": 10, "seed": seed, "env": env, "evaluation": {"test_episodes": 2}})
    table = np.zeros((16, 4))
    table[[0, 4, 8, 9, 13, 14], [action, 1, 2, 1, 2, 2]] = 1.0
    rollouts = Rollouts(np.array(returns), np.full(2, 9, np.int32), np.ones(2, bool))
    log = tracker(store).open(run_record(config, f"seed={seed}", ""))
    value = float(action == 1) if exact else None
    result = EvaluationResult(10, table, rollouts, rollouts, StartSet(seeds.test(2)), LAKE, value, value)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with History(folder / FILE_NAME, (16, 4), about(config)) as history:
            history.add(10, table)
        log.keep(folder / FILE_NAME, "checkpoints")
        result.write(folder / TEST_FILE)
        log.keep(folder / TEST_FILE, "evaluation")
    log.close("FINISHED", result.metrics(), {})
    return log.run_id


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "computed from its table"])
def test_exact_returns_decide_not_the_luck_of_starts(store: Store, recorded: bool) -> None:
    """A policy that is worth more takes the place of one with luckier starts, also of an older version's."""
    lucky, better = (
        lake_candidate(store, 0, [1.0, 1.0], 0, exact=recorded),
        lake_candidate(store, 1, [0.0, 1.0], 1, exact=True),
    )
    register(store, lucky)
    promotion = register(store, better)
    assert promotion == Promotion(LAKE, "2", better=True, difference=1.0, exact=True)
    assert str(store.client.get_model_version_by_alias(LAKE, BEST).run_id) == better
    worse = lake_candidate(store, 0, [1.0, 1.0], 2, exact=True)
    assert str(register(store, worse)).endswith("it is better by 1 in exact expected return")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_returns_that_are_not_finite_are_neither_promoted_nor_kept(store: Store, value: float) -> None:
    """An earlier version may have recorded such a run, and made it `best`: any finite one displaces it."""
    with np.errstate(all="ignore"):
        odd = candidate(store, [value, value])
    first = register(store, odd)
    assert not first.better
    store.client.set_registered_model_alias(NAME, BEST, first.version)  # as an earlier version did
    good = candidate(store, [-150, -150], seed=1)
    assert register(store, good).better
    assert best(store) == good
    with np.errstate(all="ignore"):
        again = candidate(store, [value, value], seed=2)
    refused = register(store, again)
    assert not refused.better
    assert "its own returns are not finite" in str(refused)
    assert best(store) == good
