from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from qsweep.commands.doctor import examine
from qsweep.commands.doctor.finding import Patient
from qsweep.commands.doctor.versions import findings
from qsweep.policies.registry.promotion import JUDGED, register
from qsweep.tracking.store import Store, open_store
from tests.policies.registry.test_promotion import NAME, best, candidate
from tests.support.recorded import parent


@pytest.fixture
def store(workdir: Path) -> Store:
    """An empty store in the current folder."""
    assert workdir == Path.cwd()
    return open_store("local")


def found(store: Store) -> list[tuple[str, str]]:
    """What is wrong with versions, and how."""
    return [(each.what, each.wrong) for each in findings(Patient(store, Path.cwd()))]


def mend(store: Store) -> None:
    """What --fix does about versions."""
    for each in findings(Patient(store, Path.cwd())):
        assert each.mend
        each.mend()


def nested(store: Store, run: str, under: str) -> None:
    store.client.set_tag(run, "mlflow.parentRunId", under)


def test_a_version_without_its_run(store: Store) -> None:
    """A deleted run is restored; of one that is gone it is said that the version lives on."""
    run = candidate(store, [-150, -150])
    register(store, run)
    assert found(store) == []
    store.client.delete_run(run)
    [(what, wrong)] = found(store)
    assert (what, wrong) == (f"{NAME}/1", f"its run seed=0 ({run}) was deleted")
    mend(store)
    assert store.client.get_run(run).info.lifecycle_stage == "active"
    assert found(store) == []
    store.client._tracking_client.store._hard_delete_run(run)
    assert found(store) == [(f"{NAME}/1", "its run does not exist")]


def test_a_run_that_its_sweep_has_run_again_stays_in_the_trash(store: Store) -> None:
    """Restored it would be in its sweep twice, and its version is whole; without the new one it is missed."""
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
    """It is named with what it lacks, and nothing is mended."""
    register(store, candidate(store, [-150, -150]))
    [table] = Path("mlruns/artifacts").rglob("q_table.npy")
    table.unlink()
    assert found(store) == [(f"{NAME}/1", "its model lacks q_table.npy")]
    shutil.rmtree(table.parent)
    assert not examine(fix=True).well


def test_a_version_that_was_not_compared(store: Store) -> None:
    """A registration that was killed before the comparison makes it now, and `best` moves to the better."""
    register(store, candidate(store, [-150, -150]))
    better = candidate(store, [-120, -120], seed=1)
    register(store, better)
    store.client.set_registered_model_alias(NAME, "best", "1")
    store.client.delete_model_version_tag(NAME, "2", JUDGED)
    [(what, _)] = found(store)
    assert what == f"{NAME}/2"
    mend(store)
    assert best(store) == better
    assert found(store) == []
