from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from qsweep.config import Tracking, config_hash
from qsweep.plan.resolution import resolve
from qsweep.runs.resume import (
    Decision,
    Earlier,
    Rerun,
    decide,
    earlier_runs,
    is_running,
    parent_of,
)
from qsweep.system.liveness import HEARTBEAT, HOST, PROCESS, QUIET_SECONDS, Owner, announce
from qsweep.tracking.result_code import code_of
from qsweep.tracking.store import Store, open_store
from qsweep.tracking.stored_run import CODE, CONFIG, DAMAGED, StoredRun
from qsweep.tracking.tracker import Status
from tests.support.recorded import record
from tests.support.unfinished import leave

NOW, OLD = "now", "old"
RUN, KEEP, RESUME, WAIT = (
    Decision("run", "", ("r",)),
    Decision("keep", "r"),
    Decision("resume", "r"),
    Decision("wait", "r"),
)


def earlier(
    status: str, by: str = NOW, alive: bool = False, resumable: bool = False, run_id: str = "r"
) -> Earlier:
    run = StoredRun(run_id, "seed=0", "e", "1", status, 0, "", tags={CONFIG: "abc", CODE: by})
    return Earlier(run, alive, resumable)


TABLE = [
    # what an earlier launch left: what becomes of it with sweep.rerun = code, failed, all, never
    (earlier("FINISHED"), (KEEP, KEEP, RUN, KEEP)),
    (earlier("FINISHED", OLD), (RUN, KEEP, RUN, KEEP)),
    (earlier("FAILED"), (RUN, RUN, RUN, KEEP)),
    (earlier("FAILED", OLD), (RUN, RUN, RUN, KEEP)),
    (earlier("KILLED"), (RUN, RUN, RUN, KEEP)),
    (earlier("RUNNING"), (RUN, RUN, RUN, KEEP)),  # its process is dead
    (earlier("RUNNING", alive=True), (WAIT, WAIT, WAIT, WAIT)),
    (earlier("RUNNING", OLD, alive=True, resumable=True), (WAIT, WAIT, WAIT, WAIT)),
    (earlier("KILLED", resumable=True), (RESUME, RESUME, RUN, KEEP)),
    (earlier("RUNNING", resumable=True), (RESUME, RESUME, RUN, KEEP)),
    (earlier("FAILED", resumable=True), (RESUME, RESUME, RUN, KEEP)),
    (earlier("KILLED", OLD, resumable=True), (RUN, RUN, RUN, KEEP)),  # other code would not come to the same
    (earlier("FINISHED", resumable=True), (KEEP, KEEP, RUN, KEEP)),  # killed before it could put that away
]


@pytest.mark.parametrize(("run", "decisions"), TABLE)
def test_what_becomes_of_one_earlier_run(run: Earlier, decisions: tuple[Decision, ...]) -> None:
    """Status, code and `rerun` decide between keep, resume, wait and run."""
    values: tuple[Rerun, ...] = ("code", "failed", "all", "never")
    assert set(values) == set(get_args(Rerun))
    assert tuple(decide([run], rerun, NOW) for rerun in values) == decisions


@pytest.mark.parametrize("rerun", get_args(Rerun))
def test_a_config_that_was_never_run(rerun: Rerun) -> None:
    """A config without earlier runs is run and replaces nothing."""
    assert decide([], rerun, NOW) == Decision("run")


A, B, C = (partial_id for partial_id in "abc")


@pytest.mark.parametrize(
    ("runs", "rerun", "decision"),
    [
        ([("FAILED", A), ("FINISHED", B)], "code", Decision("keep", B, (A,))),
        ([("FINISHED", A), ("FINISHED", B)], "code", Decision("keep", A, (B,))),
        ([("KILLED", A), ("FINISHED", B)], "never", Decision("keep", B, (A,))),  # not lost for a dead one
        ([("KILLED", A), ("FAILED", B)], "never", Decision("keep", A, (B,))),
        ([("FAILED", A), ("KILLED", B), ("KILLED", C)], "failed", Decision("run", "", (A, B, C))),
        ([("FINISHED", A), ("KILLED", B)], "all", Decision("run", "", (A, B))),
    ],
)
def test_several_earlier_runs(runs: list[tuple[str, str]], rerun: Rerun, decision: Decision) -> None:
    """At most one run is kept, preferably a finished one; the others are replaced."""
    assert decide([earlier(status, run_id=run_id) for status, run_id in runs], rerun, NOW) == decision


def test_of_several_one_goes_on() -> None:
    """The latest resumable run is resumed and the others replaced, unless one is alive."""
    dead, left = earlier("FAILED", run_id="a"), earlier("KILLED", resumable=True, run_id="b")
    assert decide([dead, left], "code", NOW) == Decision("resume", "b", ("a",))
    alive = earlier("RUNNING", alive=True, run_id="c")
    assert decide([dead, earlier("FINISHED"), alive], "code", NOW) == Decision("wait", "c")


@pytest.fixture(params=["tables", "client"])
def store(workdir: Path, request: pytest.FixtureRequest) -> Store:
    """An empty store, read through its tables or, like a server, through MLflow's client."""
    assert workdir == Path.cwd()
    opened = open_store("local")
    return opened if request.param == "tables" else replace(opened, tables=None)


def values(seed: int, sweep: str = "s") -> dict[str, object]:
    return {"seed": seed, "sweep": {"name": sweep}}


def code() -> str:
    """Return the code of runs on MountainCar."""
    return code_of(resolve({}))


def test_earlier_runs_in_a_store(store: Store) -> None:
    """Only the sweep's runs under the parent are found, by config hash."""
    parent = record(store, status="KILLED")
    ended: tuple[Status, ...] = ("FINISHED", "FAILED", "KILLED")
    ids = [record(store, values(seed), None, status, parent) for seed, status in enumerate(ended)]
    record(store, values(7, "s-confirm"), None, "FINISHED", parent)
    record(store, values(8), None, "FINISHED", record(store))
    trash = record(store, values(9), None, "FINISHED", parent)
    store.client.delete_run(trash)
    time.sleep(0.01)
    again = record(store, values(0), None, "FAILED", parent)
    leave(ids[2])
    store.client.set_tag(ids[1], "qsweep.code", "old")
    found = earlier_runs(store, parent, "s", Tracking())
    hashes = [config_hash(resolve({"episodes": 100, **values(seed)}).config) for seed in range(3)]
    assert set(found) == set(hashes)
    assert [each.run.run_id for each in found[hashes[0]]] == [again, ids[0]]
    assert [found[each][-1].run.status for each in hashes] == list(ended)
    assert [found[each][-1].run.code for each in hashes] == [code(), "old", code()]
    assert [found[each][-1].resumable for each in hashes] == [False, False, True]
    assert not any(run.alive for runs in found.values() for run in runs)
    store.client.set_tag(ids[2], DAMAGED, "episodes.parquet")
    assert not earlier_runs(store, parent, "s", Tracking())[hashes[2]][-1].resumable
    assert found[hashes[1]][0].run.name == "buckets=20,seed=1"


def _lives(tags: Mapping[str, str], started: int) -> bool:
    return is_running(StoredRun("1", "a", "e", "0", "RUNNING", started, "", tags=tags))


def test_who_is_alive() -> None:
    """A run is alive while its process is; on another machine, until its heartbeat is too old."""
    started = int((time.time() - 2 * QUIET_SECONDS) * 1000)
    assert not _lives({}, started)
    here, dead = announce(), Owner(announce().host, f"{os.getpid()}-{'0' * 16}-{announce().process[-12:]}")
    assert _lives(here.tags, started)
    assert not _lives(dead.tags, started)
    elsewhere = {HOST: "elsewhere.invalid", PROCESS: here.process}
    assert not _lives(elsewhere, started)
    assert _lives(elsewhere, int(time.time() * 1000))
    assert _lives(elsewhere | {HEARTBEAT: str(time.time() - QUIET_SECONDS / 2)}, started)


@pytest.mark.parametrize("said", ["", "soon", "nan", "inf", "1e300", "-1"])
def test_a_sign_of_life_that_says_nothing(said: str) -> None:
    """A heartbeat tag that is no past time is ignored."""
    elsewhere = {HOST: "elsewhere.invalid", PROCESS: announce().process, HEARTBEAT: said}
    assert not _lives(elsewhere, int((time.time() - 2 * QUIET_SECONDS) * 1000))
    assert _lives(elsewhere, int(time.time() * 1000))


def test_the_parent_of_a_multirun(store: Store) -> None:
    """The latest run with all tags is the parent; of two with the same start, the first by id."""
    tags = {"a": """it's a "?" """, "b": "2"}
    experiment = store.client.create_experiment("e")
    early, *later = (store.client.create_run(experiment, at, tags).info.run_id for at in (5, 7, 7))
    store.client.create_run(experiment, 9, {**tags, "b": "3"})
    for expected in (*sorted(later), early):
        found = parent_of(store, "e", tags)
        assert found is not None
        assert found.run_id == expected
        store.client.delete_run(expected)
    assert parent_of(store, "e", tags) is None
    assert parent_of(store, "another", {"b": "3"}) is None
    assert parent_of(store, "e", {"b": "3"}) is not None


def test_a_sweep_that_is_recorded_otherwise_goes_on_with_no_run(store: Store) -> None:
    """With another max_points, unfinished runs of a sweep start over."""
    parent = record(store, status="KILLED")
    leave(record(store, values(1), None, "KILLED", parent))
    for max_points, resumable in ((2500, True), (10, False)):
        [[run]] = earlier_runs(store, parent, "s", Tracking(max_points=max_points)).values()
        assert run.resumable is resumable
