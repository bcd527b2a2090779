from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from qsweep.commands.doctor.defect import Workspace
from qsweep.commands.doctor.examination import examine
from qsweep.commands.doctor.versions import defects
from qsweep.policies.registry.promotion import COMPARED, register
from qsweep.tracking.store import Store, open_store
from tests.policies.registry.test_promotion import NAME, best, candidate
from tests.support.recorded import parent


@pytest.fixture
def store(workdir: Path) -> Store:
    """An empty store in the current folder."""
    assert workdir == Path.cwd()
    return open_store("local")


def found(store: Store) -> list[tuple[str, str]]:
    """Return the versions with defects, and the details."""
    return [(each.what, each.details) for each in defects(Workspace(store, Path.cwd()))]


def repair(store: Store) -> None:
    """Repair all versions, as --fix does."""
    for each in defects(Workspace(store, Path.cwd())):
        assert each.repair
        each.repair()


def nested(store: Store, run: str, under: str) -> None:
    store.client.set_tag(run, "mlflow.parentRunId", under)


def test_a_version_without_its_run(store: Store) -> None:
    """A deleted run is restored; one that does not exist is reported."""
    run = candidate(store, [-150, -150])
    register(store, run)
    assert found(store) == []
    store.client.delete_run(run)
    [(what, details)] = found(store)
    assert (what, details) == (f"{NAME}/1", f"its run seed=0 ({run}) was deleted")
    repair(store)
    assert store.client.get_run(run).info.lifecycle_stage == "active"
    assert found(store) == []
    store.client._tracking_client.store._hard_delete_run(run)
    assert found(store) == [(f"{NAME}/1", "its run does not exist")]


def test_a_run_that_its_sweep_has_run_again_stays_in_the_trash(store: Store) -> None:
    """It is not restored while its sweep has a run of the same config, and is a defect otherwise."""
    sweep, other = parent(store, "s"), parent(store, "other")
    old, again, elsewhere = (candidate(store, [-150, -150]) for _ in range(3))
    for run, under in ((old, sweep), (again, sweep), (elsewhere, other)):
        nested(store, run, under)
    register(store, old)
    store.client.delete_run(old)
    assert found(store) == []
    store.client.delete_run(again)
    assert [what for what, _ in found(store)] == [f"{NAME}/1"]


def test_a_version_without_its_files(store: Store) -> None:
    """It is reported with the missing files, and not repaired."""
    register(store, candidate(store, [-150, -150]))
    [table] = Path("mlruns/artifacts").rglob("q_table.npy")
    table.unlink()
    assert found(store) == [(f"{NAME}/1", "its model lacks q_table.npy")]
    shutil.rmtree(table.parent)
    assert not examine(fix=True).healthy


def test_a_version_that_was_not_compared(store: Store) -> None:
    """The comparison of a killed registration is made up for, and the better version becomes `best`."""
    register(store, candidate(store, [-150, -150]))
    better = candidate(store, [-120, -120], seed=1)
    register(store, better)
    store.client.set_registered_model_alias(NAME, "best", "1")
    store.client.delete_model_version_tag(NAME, "2", COMPARED)
    [(what, _)] = found(store)
    assert what == f"{NAME}/2"
    repair(store)
    assert best(store) == better
    assert found(store) == []
