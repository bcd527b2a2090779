"""A single run looks for equal runs of earlier commands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qsweep.config import config_hash
from qsweep.plan.composition import Job
from qsweep.plan.resolution import resolve
from qsweep.runs.equal_runs import decide_on
from qsweep.runs.resume import Decision
from qsweep.system.liveness import announce
from qsweep.tracking.result_code import code_of
from qsweep.tracking.store import Store, open_store
from qsweep.tracking.stored_run import CODE, DAMAGED
from tests.support.recorded import record
from tests.support.unfinished import leave

NAME = "buckets=20,seed=1"


@pytest.fixture(params=["tables", "client"])
def store(workdir: Path, request: pytest.FixtureRequest) -> Store:
    """An empty store, read through its tables or, like a server, through MLflow's client."""
    assert workdir == Path.cwd()
    opened = open_store("local")
    return opened if request.param == "tables" else replace(opened, tables=None)


def job(name: str = NAME, **values: Any) -> Job:
    return Job((), name, resolve({"episodes": 100, "seed": 1, **values}))


def finished(store: Store, **values: Any) -> str:
    """Record an equal run; the files that a finished run has are not looked for in an own process's store."""
    run_id = record(store, {"seed": 1, **values}, -150.0)
    folder = Path(store.client.get_run(run_id).info.artifact_uri.removeprefix("file://"))
    for file in ("config.yaml", "episodes.parquet", "checkpoints/q_table_history.parquet"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text("here")
    return run_id


def test_a_finished_run_is_kept(store: Store) -> None:
    """The newest finished one is, whatever it is called, unless all are to be trained again."""
    assert decide_on(store, job()) == Decision("run")
    first = finished(store)
    assert decide_on(store, job()) == Decision("keep", first)
    assert decide_on(store, job("another")) == Decision("keep", first)
    assert decide_on(store, job(sweep={"rerun": "all"})) == Decision("run")
    second = finished(store)
    assert decide_on(store, job()) == Decision("keep", second)
    store.client.set_tag(second, CODE, "old")
    assert decide_on(store, job()) == Decision("keep", first)


@pytest.mark.parametrize(
    "values",
    [
        *({"seed": 2}, {"window": 7}, {"engine": "gymnasium"}, {"learning_rate": 0.2}),
        *({"tracking": {"max_points": 10}}, {"tracking": {"experiment": "elsewhere"}}),
        {"tracking": {"name": "mine"}},
    ],
    ids=str,
)
def test_a_run_that_differs_is_trained(values: dict[str, Any], store: Store) -> None:
    """A run with another result, or whose record would be another, is no equal one."""
    finished(store)
    name = values.get("tracking", {}).get("name") or NAME
    assert decide_on(store, job(name, **values)).does == "run"


def test_other_runs_are_left_alone(store: Store) -> None:
    """Runs of a multirun and other users' runs are neither kept nor replaced."""
    child = record(store, {"seed": 1}, -150.0, parent=record(store))
    others = finished(store)
    store.client.set_tag(others, "mlflow.user", "somebody else")
    assert decide_on(store, job()) == Decision("run")
    assert child != others


def test_what_did_not_finish_is_replaced(store: Store) -> None:
    """A failed run is replaced if it has the same name; one without its files is trained again, and kept."""
    failed = record(store, {"seed": 1}, None, "FAILED")
    assert decide_on(store, job()) == Decision("run", replaced=(failed,))
    assert decide_on(store, job("another")) == Decision("run")
    record(store, {"seed": 1}, -150.0)
    assert decide_on(store, job()) == Decision("run", replaced=(failed,))


def test_an_interrupted_run_is_resumed(store: Store) -> None:
    """It is if config, code and name match, and it is undamaged and not running."""
    code, config = code_of(job().resolved), config_hash(job().config)
    run_id = record(store, {"seed": 1}, None, "KILLED")
    leave(run_id, config, code)
    assert decide_on(store, job()) == Decision("resume", run_id)
    assert decide_on(store, job("another")) == Decision("run")
    assert decide_on(store, job(tracking={"resume": "never"})) == Decision("run", replaced=(run_id,))
    assert decide_on(store, job(tracking={"max_points": 10})) == Decision("run")
    store.client.set_tag(run_id, DAMAGED, "episodes.parquet")
    assert decide_on(store, job()).does == "run"
    store.client.delete_tag(run_id, DAMAGED)
    store.client.set_tag(run_id, CODE, "old")
    assert decide_on(store, job()).does == "run"
    for key, value in announce().tags.items():
        store.client.set_tag(run_id, key, value)
    store.client.update_run(run_id, status="RUNNING")
    assert decide_on(store, job()) == Decision("wait", run_id)
