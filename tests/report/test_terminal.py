from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from qsweep.errors import UsageError
from qsweep.report.loading.runs import brief, runs_in
from qsweep.report.loading.selection import Selection, selected
from qsweep.report.terminal import SHOWN, show_runs
from qsweep.tracking.store import Store, open_store
from tests.support import recorded


@pytest.fixture
def store(workdir: Path) -> Store:
    """An empty store."""
    return open_store(f"sqlite:///{workdir}/mlruns/mlflow.db")


ICE = {"id": "FrozenLake-v1", "kwargs": {"is_slippery": True}}
ENVIRONMENTS: dict[str, tuple[list[Mapping[str, Any]], list[str]]] = {
    "a keyword": (
        [ICE, {**ICE, "kwargs": {"is_slippery": False}}],
        ["(env.kwargs.is_slippery=True", "(env.kwargs.is_slippery=False"],
    ),
    "the step limit": (
        [{"id": "MountainCar-v0", "max_steps": steps} for steps in (100, 150)],
        ["env.max_steps=100", "env.max_steps=150"],
    ),
    "actions": (
        [{"id": "Pendulum-v1", "actions": actions} for actions in (3, 5)],
        ["env.actions=3", "env.actions=5"],
    ),
}


@pytest.mark.parametrize("case", ENVIRONMENTS)
def test_tables_of_one_experiment_name_their_environments(
    store: Store, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where an experiment has several environments, each table's title says what differs."""
    environments, words = ENVIRONMENTS[case]
    for env in environments:
        recorded.record(store, {"env": env, "tracking": {"experiment": "x"}}, 0.5)
    show_runs(store, None, 5)
    titles = [line for line in capsys.readouterr().out.splitlines() if ": variants" in line]
    assert len(titles) == 2, titles
    assert [word for word in words if not any(word in title for title in titles)] == [], titles


def test_whose_runs(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """A leaderboard of one user's runs; where several have some, the list of runs says whose they are."""
    for seed, user in enumerate(("ada", "grace")):
        recorded.record(store, {"seed": seed, "tracking": {"user": user}}, -150.0 - seed)
    show_runs(store, None, 5)
    [header] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("started")]
    assert header.split() == ["started", "run", "user", "id", "status", "score"]
    show_runs(store, None, 5, "grace")
    shown = capsys.readouterr().out
    assert ("seed=1" in shown, "seed=0" in shown, "user" in shown) == (True, False, False)
    with pytest.raises(UsageError, match="must be a user with runs here"):
        show_runs(store, None, 5, "eve")


def test_columns_are_read_as_records_are(store: Store) -> None:
    """Reading some columns gives the values, order and dtypes that reading everything gives."""
    recorded.sweep(store, "s", {10: [-150, -190], 20: [-160, -160]})
    recorded.record(store, {"seed": 7}, None, "FAILED")
    everything = runs_in(store)
    keys = brief(["buckets", "git_commit"], SHOWN)
    for name in (None, "s", "MountainCar-v0"):
        some, all_of = runs_in(store, name, keys), runs_in(store, name)
        columns = [column for column in some if column in all_of]
        assert {"run_id", "started", "variant", "seed", "buckets", "git_commit", SHOWN[-1]} <= {*columns}
        for column in columns:
            assert some[column].astype(str).tolist() == all_of[column].astype(str).tolist()
    chosen = selected(store, Selection("s", where=["buckets == 20 and seed >= 0"]))
    assert {*chosen.columns} == {*everything.columns}
    assert chosen["buckets"].unique().tolist() == [20]
