from __future__ import annotations

import getpass
import threading
from pathlib import Path

import pytest

from qsweep.errors import UsageError
from qsweep.plan.composition import Plan, plan
from qsweep.runs.parent_run import parent_run
from qsweep.system.liveness import PROCESS
from qsweep.tracking.store import open_store
from tests.support.recorded import record

pytestmark = pytest.mark.usefixtures("workdir")


def planned(*lines: str) -> Plan:
    return plan(("episodes=50", *lines), multirun=True)


def launched(*lines: str, whole: bool = True) -> tuple[str, bool]:
    """Launch and end a parent run; return its id, and whether it continued an earlier launch."""
    with parent_run(planned(*lines)) as parent:
        parent.complete = whole
    return parent.run_id, parent.earlier


def status(run_id: str) -> str:
    return str(open_store("local").client.get_run(run_id).info.status)


def test_the_same_multirun_is_found_again() -> None:
    """A relaunch, even with more values, has the same parent, with the status of the last launch."""
    first, earlier = launched("buckets=2,3", "seed=range(2)", whole=False)
    assert (earlier, status(first)) == (False, "FAILED")
    assert launched("buckets=2,3", "seed=range(2)") == (first, True)
    assert status(first) == "FINISHED"
    assert launched("buckets=2,3,4", "seed=range(3)", whole=False) == (first, True)
    assert status(first) == "FAILED"


@pytest.mark.parametrize(
    "lines",
    [
        ("buckets=2,3", "seed=range(2)", "learning_rate=0.2"),
        ("buckets=2,3", "seed=range(2)", "episodes=60"),
        ("buckets=2,3", "seed=0"),
        ("buckets=2,3", "seed=range(2)", "sweep.name=mine"),
        ("buckets=2,3", "seed=range(2)", "env=cart_pole", "buckets=2,3"),
        ("buckets=2,3", "seed=range(2)", "tracking.experiment=mine"),
    ],
)
def test_another_multirun_has_another_parent(lines: tuple[str, ...]) -> None:
    """Another fixed value, varied key, name or experiment gives another parent."""
    first, _ = launched("buckets=2,3", "seed=range(2)")
    second, earlier = launched(*lines)
    assert second != first
    assert not earlier


@pytest.mark.parametrize(
    "line", ["sweep.batch=2", "sweep.rerun=failed", "tracking.durable_seconds=1", "engine=gymnasium"]
)
def test_how_it_is_launched_makes_no_other_multirun(line: str) -> None:
    """Keys that do not affect results do not affect the identity of a multirun."""
    first, _ = launched("buckets=2,3")
    assert launched("buckets=2,3", line) == (first, True)


def test_another_users_multirun(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a shared server, no user resumes another user's sweep."""
    first, _ = launched("buckets=2,3")
    monkeypatch.setattr(getpass, "getuser", lambda: "ada")
    second, earlier = launched("buckets=2,3")
    assert (second != first, earlier) == (True, False)


def interrupted(*lines: str) -> None:
    with parent_run(planned(*lines)):
        raise KeyboardInterrupt


def test_an_interrupted_launch() -> None:
    """An interrupt leaves the parent KILLED; the next launch finds it."""
    with pytest.raises(KeyboardInterrupt):
        interrupted("buckets=2,3")
    run_id, earlier = launched("buckets=2,3")
    assert (earlier, status(run_id)) == (True, "FINISHED")


def test_a_multirun_that_is_in_hand() -> None:
    """A multirun that another process runs is refused, and its parent is unchanged."""
    with (
        parent_run(planned("buckets=2,3")) as parent,
        pytest.raises(UsageError, match="is already running"),
        parent_run(planned("buckets=2,3,4")),
    ):
        pass
    assert status(parent.run_id) == "FAILED"  # it was not whole
    assert launched("buckets=2,3") == (parent.run_id, True)


def test_a_parent_whose_process_is_dead() -> None:
    """A RUNNING parent whose process is dead is continued."""
    client = open_store("local").client
    run_id, _ = launched("buckets=2,3")
    client.update_run(run_id, status="RUNNING")
    own = client.get_run(run_id).data.tags[PROCESS]
    number, _, place = own.split("-")
    client.set_tag(run_id, PROCESS, f"{number}-{'0' * 16}-{place}")
    assert launched("buckets=2,3") == (run_id, True)
    assert client.get_run(run_id).data.tags[PROCESS] == own


def test_two_launches_in_the_same_second() -> None:
    """Of several simultaneous launches one runs; the others are refused."""
    wanted, begin = planned("buckets=2,3"), threading.Barrier(4)
    ids: list[str] = []
    refused: list[UsageError] = []
    held = threading.Barrier(4)

    def launch() -> None:
        begin.wait()
        try:
            with parent_run(wanted) as parent:
                ids.append(parent.run_id)
                held.wait()
        except UsageError as error:
            refused.append(error)
            held.wait()

    threads = [threading.Thread(target=launch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(ids), len(refused)) == (1, 3)


def test_runs_that_nobody_will_end() -> None:
    """At the parent's end, runs of dead processes become KILLED; runs of living ones are unchanged."""
    store = open_store("local")
    with parent_run(planned("buckets=2,3")) as parent:
        ids = [record(store, {"seed": seed}, parent=parent.run_id) for seed in range(2)]
        for run_id in ids:
            store.client.update_run(run_id, status="RUNNING")
        number, _, place = store.client.get_run(ids[0]).data.tags[PROCESS].split("-")
        store.client.set_tag(ids[0], PROCESS, f"{number}-{'0' * 16}-{place}")
    assert [status(run_id) for run_id in ids] == ["KILLED", "RUNNING"]


def test_nothing_is_left_of_an_untracked_multirun(workdir: Path) -> None:
    """Untracked multiruns have no parent run and are independent."""
    lines = ("buckets=2,3", "tracking=none")
    with parent_run(planned(*lines)) as one, parent_run(planned(*lines)) as two:
        assert (one.run_id, two.run_id, one.earlier) == ("", "", False)
    assert [path.name for path in workdir.iterdir()] == ["mlruns"]


def test_the_store_lists_one_parent() -> None:
    """Any number of launches share one parent run."""
    for _ in range(3):
        launched("buckets=2,3")
    store = open_store("local")
    found = store.client.search_runs([store.client.get_experiment_by_name("MountainCar-v0").experiment_id])
    assert len(found) == 1
