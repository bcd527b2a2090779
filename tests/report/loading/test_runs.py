from __future__ import annotations

import getpass
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import qsweep
from qsweep.config import config_hash, environment_hash, variant_hash
from qsweep.errors import UsageError
from qsweep.plan.resolution import resolve
from qsweep.report.loading.runs import (
    IDENTITY,
    ORIGIN,
    PLACE,
    children,
    exactly_scored,
    load_runs,
    mixture,
    runs_in,
    runs_in_sweep,
    with_scores,
)
from qsweep.report.terminal import show_runs
from qsweep.runs.runner import run_record
from qsweep.tracking import paging
from qsweep.tracking.client.mlflow_tracker import MlflowTracker
from qsweep.tracking.curves import Points
from qsweep.tracking.run_search import every_run, run_of
from qsweep.tracking.store import Store, open_store
from qsweep.tracking.stored_run import EXACT, SAMPLED, SCORE
from qsweep.tracking.tracker import RunRecord, Status

COLUMNS = ["run_id", "started", "name", "user", "experiment", "status", "sweep", "variant", "config"]
COLUMNS += ["environment"]
TAGS = {"command", "standard", "version", "git_commit", "git_dirty", "packages", "python", "platform"}


@pytest.fixture
def store(workdir: Path) -> Store:
    """An empty store."""
    return open_store(f"sqlite:///{workdir}/mlruns/mlflow.db")


def add(
    store: Store,
    name: str,
    values: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
    status: Status = "FINISHED",
) -> str:
    """Record a run as the runner would, without training; return its id."""
    config = resolve({"episodes": 100, **(values or {})})
    log = MlflowTracker(store).open(run_record(config, name, ""))
    log.close(status, metrics or {}, {})
    return log.run_id


def in_sweep(name: str, seed: int = 0, **tracking: str) -> dict[str, Any]:
    return {"sweep": {"name": name}, "seed": seed, "tracking": tracking}


def test_an_empty_store_has_no_runs(store: Store) -> None:
    """Without runs the frame is empty, with the common columns."""
    runs = load_runs(uri=store.uri)
    assert (len(runs), list(runs)) == (0, [*IDENTITY, *ORIGIN, *PLACE])
    assert list(IDENTITY) == COLUMNS
    assert {*ORIGIN} == {*TAGS, "qtable_sha256"}


@pytest.mark.usefixtures("store")
def test_what_a_row_says() -> None:
    """A row has the run's identity, params and last metric values."""
    store = open_store("local")
    values = {"buckets": [10, 20], "learning_rate": 0.5, **in_sweep("s", seed=7)}
    config = resolve({"episodes": 100, **values}).config
    run_id = add(store, "one", values, {"test/return_mean": -150.25, "best_episode": 80.0})
    [row] = load_runs().to_dict("records")
    assert {key: row[key] for key in COLUMNS if key != "started"} == {
        "run_id": run_id,
        "name": "one",
        "user": getpass.getuser(),
        "experiment": "MountainCar-v0",
        "status": "FINISHED",
        "sweep": "s",
        "variant": variant_hash(config),
        "config": config_hash(config),
        "environment": environment_hash(config.env),
    }
    assert pd.Timestamp.now(tz="UTC") - row["started"] < pd.Timedelta(minutes=5)
    assert str(row["started"].tz) == "UTC"
    assert row["test/return_mean"] == -150.25
    assert json.loads(row["buckets"]) == [10, 20]
    typed = {"seed": 7, "learning_rate": 0.5, "episodes": 100, "algorithm": "q_learning"}
    assert {key: row[key] for key in typed} == typed
    assert row["registry.promote"] == "auto"


def test_where_a_run_comes_from(store: Store) -> None:
    """A row has provenance, command and location."""
    config = resolve({"episodes": 100})
    log = MlflowTracker(store).open(run_record(config, "one", "qsweep train seed=0"))
    log.close("FINISHED", {}, {"qsweep.qtable_sha256": "ab" * 32})
    [row] = load_runs(uri=store.uri).to_dict("records")
    tags = store.client.get_run(log.run_id).data.tags
    assert {key: row[key] for key in TAGS} == {key: tags.get(f"qsweep.{key}") for key in TAGS}
    assert (row["command"], row["qtable_sha256"]) == ("qsweep train seed=0", "ab" * 32)
    assert row["experiment_id"] == store.client.get_experiment_by_name("MountainCar-v0").experiment_id
    assert row["artifacts"] == store.client.get_run(log.run_id).info.artifact_uri


def test_a_run_of_an_older_version(store: Store) -> None:
    """An older run has a row with missing values."""
    experiment = store.client.create_experiment("old", str(store.artifacts))
    run = store.client.create_run(experiment, tags={"qsweep.config": "abc"}, run_name="old")
    store.client.log_param(run.info.run_id, "buckets", "20")
    add(store, "new", metrics={"test/return_mean": -150.0})
    old = load_runs(uri=store.uri).set_index("name").loc["old"]
    assert (old["config"], old["variant"], old["buckets"], old["status"]) == ("abc", "abc", 20, "RUNNING")
    assert all(pd.isna(old[key]) for key in ("environment", "command", "seed", "test/return_mean"))


def test_params_are_numbers_and_truths_again(store: Store) -> None:
    """Numbers, booleans and text keep their type; lists and null stay text, to be comparable."""
    add(store, "one", {"env": {"id": "FrozenLake-v1", "kwargs": {"is_slippery": False, "map_name": "4x4"}}})
    [row] = load_runs(uri=store.uri).to_dict("records")
    keys = ("env.kwargs.is_slippery", "env.kwargs.map_name", "env.low", "initial_q.low", "window")
    found = [row[key] for key in keys]
    assert found == [False, "4x4", "null", -2.0, 100]
    assert [type(value) for value in found] == [bool, str, str, float, int]


def test_the_last_value_of_a_curve(store: Store) -> None:
    """The frame has each curve's value at the last episode."""
    log = MlflowTracker(store).open(run_record(resolve({"episodes": 100}), "one", ""))
    log.log(Points(np.array([9, 99]), {"train/return_avg": np.array([-200.0, -190.0])}))
    log.close("FINISHED", {}, {})
    assert load_runs(uri=store.uri)["train/return_avg"].tolist() == [-190.0]


def test_the_latest_comes_first(store: Store) -> None:
    """Runs of all experiments and statuses are listed, the latest first."""
    ids = [
        add(store, "a", {"seed": 1}),
        add(store, "b", {"seed": 2, "tracking": {"experiment": "other"}}, status="FAILED"),
        add(store, "c", {"seed": 3}, status="KILLED"),
    ]
    runs = load_runs(uri=store.uri)
    assert runs["run_id"].tolist() == ids[::-1]
    assert runs["status"].tolist() == ["KILLED", "FAILED", "FINISHED"]


def test_the_tables_say_what_mlflow_says(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Frames and leaderboards read from the tables are those that MLflow's client gives, page by page.

    There are runs that failed, were killed, are running, nested, or deleted, metrics that are NaN or
    infinite, names of any kind, several experiments and a deleted one.
    """
    first = add(store, "first", in_sweep("s"), {"test/return_mean": -150.25, "train/return_avg": -151.0})
    parent = MlflowTracker(store).open(RunRecord("s", "MountainCar-v0", {}, {"qsweep.sweep": "s"})).run_id
    add(store, "ünï, 'x' \"y\" %", in_sweep('it\'s "s"', 1, parent=parent), {"test/return_mean": math.nan})
    add(store, "infinite", in_sweep("s", 2, experiment="other"), {"best_episode": math.inf, "a": -math.inf})
    add(store, "failed", in_sweep("s", 3, parent=parent), status="FAILED")
    add(store, "killed", in_sweep("s", 4, experiment="with space"), status="KILLED")
    MlflowTracker(store).open(run_record(resolve({"episodes": 100}), "running", ""))
    store.client.delete_run(add(store, "deleted", in_sweep("s", 5)))
    add(store, "lost", in_sweep("s", 6, experiment="gone"))
    store.client.delete_experiment(store.client.get_experiment_by_name("gone").experiment_id)
    store.client.create_run("0", run_name="none of ours")

    def read(opened: Store) -> list[Any]:
        show_runs(opened, None, 20)
        every = [runs_in(opened, name) for name in (None, "s", "MountainCar-v0", "other", 'it\'s "s"')]
        return [capsys.readouterr().out, *every, children(opened, parent), runs_in_sweep(opened, "s")]

    without_tables = replace(store, tables=None)
    ours = read(store)
    monkeypatch.setattr(paging, "PAGE", 2)
    stock = read(without_tables)
    assert ours[0] == stock[0]
    for mine, theirs in zip(ours[1:], stock[1:], strict=True):
        pd.testing.assert_frame_equal(mine, theirs)
    assert [len(frame) for frame in ours[1:]] == [6, 4, 4, 1, 1, 2, 4]
    assert first[-8:] in ours[0]
    every = [
        {run_id: replace(run, metrics=repr(sorted(run.metrics.items()))) for run_id, run in found.items()}
        for found in (every_run(store), every_run(without_tables))
    ]
    assert every[0] == every[1]
    assert sum(run.deleted for run in every[0].values()) == 2
    assert run_of(store, first) == run_of(without_tables, first) == every_run(store)[first]


def test_runs_of_an_experiment_or_of_a_sweep(store: Store) -> None:
    """A name is an experiment's or a sweep's, an experiment's first; a sweep may cross experiments."""
    for name, values in {
        "a": in_sweep("s", experiment="one"),
        "b": in_sweep("s", experiment="two"),
        "c": in_sweep("t", experiment="two"),
        "d": in_sweep("one", experiment="three"),
    }.items():
        add(store, name, values)
    expected = {"one": "a", "two": "bc", "three": "d", "s": "ab", "t": "c"}
    found = {name: "".join(sorted(load_runs(name, store.uri)["name"])) for name in expected}
    assert found == expected


@pytest.mark.parametrize("name", ["it's", 'say "so"', "50%", "a,b=c", "ü", """both ' and " """.strip()])
def test_names_of_any_kind(store: Store, name: str) -> None:
    """A sweep with quotes or other signs in its name is found; an unknown one is refused."""
    with pytest.raises(UsageError, match="must be an experiment or a sweep"):
        load_runs(name, store.uri)
    add(store, "a", in_sweep(name))
    assert load_runs(name, store.uri)["name"].tolist() == ["a"]


def test_an_unknown_name(store: Store) -> None:
    """An unknown name is refused, with the closest experiment or sweep."""
    with pytest.raises(
        UsageError, match=r"name: must be an experiment or a sweep; given 'x' \(there are none\)"
    ):
        load_runs("x", store.uri)
    add(store, "a", in_sweep("buckets"))
    for given, near in (("MountainCar-v1", "MountainCar-v0"), ("bukets", "buckets")):
        with pytest.raises(UsageError, match=rf"given '{given}' \(did you mean {near}\?\)"):
            load_runs(given, store.uri)
    with pytest.raises(UsageError, match=r"\(one of MountainCar-v0, buckets\)"):
        load_runs("x", store.uri)


def test_the_runs_of_a_sweep_alone(store: Store) -> None:
    """`runs_in_sweep` finds a sweep's runs even if an experiment has its name; none of an unknown one."""
    add(store, "a", {"tracking": {"experiment": "s"}})
    child = add(store, "b", in_sweep("s"))
    assert runs_in_sweep(store, "s")["run_id"].tolist() == [child]
    assert runs_in_sweep(store, "t").empty


def test_no_store(tmp_path: Path) -> None:
    """A missing store is reported and not created."""
    with pytest.raises(UsageError, match="store does not exist"):
        load_runs(uri=f"sqlite:///{tmp_path}/mlflow.db")
    assert list(tmp_path.iterdir()) == []


def test_parents_and_strangers_are_no_runs(store: Store) -> None:
    """The parent of a sweep, runs of other programs and deleted runs are left out."""
    tracker = MlflowTracker(store)
    parent = tracker.open(RunRecord("s", "MountainCar-v0", {}, {"qsweep.sweep": "s"}))
    experiment = store.client.get_experiment_by_name("MountainCar-v0").experiment_id
    store.client.create_run(experiment, run_name="stranger")
    store.client.delete_run(add(store, "deleted", in_sweep("s", parent=parent.run_id)))
    child = add(store, "child", in_sweep("s", parent=parent.run_id))
    alone = add(store, "alone", {"seed": 2})
    assert load_runs(uri=store.uri)["run_id"].tolist() == [alone, child]
    assert load_runs("MountainCar-v0", store.uri)["run_id"].tolist() == [alone, child]
    assert load_runs("s", store.uri)["run_id"].tolist() == [child]
    assert children(store, parent.run_id)["run_id"].tolist() == [child]
    assert children(store, child).empty


def test_a_deleted_experiments_runs_are_left_out(store: Store) -> None:
    """Runs of a deleted experiment are not listed, and its name is unknown."""
    add(store, "a", {"tracking": {"experiment": "gone"}})
    kept = add(store, "b")
    store.client.delete_experiment(store.client.get_experiment_by_name("gone").experiment_id)
    assert load_runs(uri=store.uri)["run_id"].tolist() == [kept]
    with pytest.raises(UsageError, match="must be an experiment or a sweep"):
        load_runs("gone", store.uri)


def test_it_is_part_of_the_package() -> None:
    """The function is public as qsweep.load_runs."""
    assert qsweep.load_runs is load_runs


def test_scores_of_one_environment_are_of_one_kind() -> None:
    """Exact returns rank only if all runs of the environment have one; otherwise their sampled means do."""
    runs = pd.DataFrame(
        {
            "environment": ["a", "a", "b", "b", "c", "d", None],
            EXACT: [0.7, 0.8, 0.5, None, None, None, None],
            SAMPLED: [0.6, 0.9, 0.4, 0.45, -150.0, None, 3.0],
        }
    )
    scored = with_scores(runs)
    assert math.isnan(scored[SCORE][5])
    groups = {name: scored[scored["environment"].fillna("") == name] for name in ("a", "b", "c", "")}
    assert groups["a"][SCORE].tolist() == [0.7, 0.8]
    assert groups["b"][SCORE].tolist() == [0.4, 0.45]
    assert groups["c"][SCORE].tolist() == [-150.0]
    assert groups[""][SCORE].tolist() == [3.0]
    assert [exactly_scored(group) for group in groups.values()] == [True, False, False, False]
    assert [bool(mixture(group)) for group in groups.values()] == [False, True, False, False]
    assert mixture(groups["b"]).startswith("1 of 2 runs have no exact expected return")


def test_a_param_with_the_name_of_a_column(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """It does not replace the column, nor does a metric with the name of a param; both are named."""
    run_id = add(store, "one")
    store.client.log_param(run_id, "started", "yesterday")
    store.client.log_metric(run_id, "seed", 7.5)
    [run] = runs_in(store).to_dict("records")
    assert isinstance(run["started"], pd.Timestamp)
    assert run["seed"] == 0
    said = capsys.readouterr().err
    assert [f"its {key}, which" in said for key in ("started", "seed")] == [True, True]


def test_a_finished_run_without_params(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """The leaderboard has it, although it does not say what it trained."""
    run_id = store.client.create_run("0", tags={"qsweep.config": "0123"}).info.run_id
    store.client.log_metric(run_id, "test/return_mean", -1.0)
    store.client.set_terminated(run_id)
    show_runs(store, None, 5)
    assert "unknown" in capsys.readouterr().out
