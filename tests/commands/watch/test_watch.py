from __future__ import annotations

import dataclasses
import math
import re
import time
from pathlib import Path

import pytest

from qsweep.commands.watch.state import Best, SweepState, find_sweep, sweep_state
from qsweep.commands.watch.views import duration, lines, page
from qsweep.commands.watch.watching import watch
from qsweep.errors import UsageError
from qsweep.plan.composition import Plan, plan
from qsweep.runs.parent_run import parent_run
from qsweep.system.liveness import PROCESS
from qsweep.tracking.run_search import run_of
from qsweep.tracking.store import Store, open_store
from qsweep.tracking.stored_run import LAUNCHED
from qsweep.tracking.tables.run_tables import RunChanges
from tests.support.recorded import record

pytestmark = pytest.mark.slow

STATE = SweepState(
    name="s",
    experiment="MountainCar-v0",
    status="RUNNING",
    alive=True,
    seconds=125.0,
    planned=40,
    done=12,
    fresh=2,
    running=3,
    lost=0,
    failed=(),
    left=95.0,
    best=(Best("MountainCar-v0", "buckets=20", -120.0, (-130.0, -110.0), 5),),
)


@pytest.fixture
def store(workdir: Path) -> Store:
    """An empty store."""
    return open_store(f"sqlite:///{workdir}/mlruns/mlflow.db")


def planned(*more: str) -> Plan:
    return plan(("episodes=100", "buckets=2,3", "seed=range(3)", "sweep.name=s", *more), multirun=True)


def run(
    store: Store, parent: str, buckets: int, seed: int, score: float | None = None, status: str = "FINISHED"
) -> str:
    """Record a run of the sweep."""
    values = {"buckets": buckets, "seed": seed, "sweep": {"name": "s"}}
    return record(store, values, score, status, parent)  # type: ignore[arg-type]


def tag(store: Store, run_id: str, key: str, value: str) -> None:
    assert store.tables is not None
    store.tables.add(run_id, RunChanges(tags={key: value}))


def test_a_sweep_while_it_runs(store: Store) -> None:
    """Counts of done and failed runs, the leader with its interval over seeds, and the time left."""
    with parent_run(planned()) as parent:
        for seed in range(3):
            run(store, parent.run_id, 2, seed, -150.0 - seed)
        run(store, parent.run_id, 3, 0, -170.0)
        run(store, parent.run_id, 3, 1, status="FAILED")
        tag(store, parent.run_id, LAUNCHED, str(time.time() - 50))
        state = sweep_state(store, parent.run_id)
    assert (state.name, state.status, state.alive) == ("s", "RUNNING", True)
    assert (state.planned, state.done, state.running, state.lost) == (6, 4, 0, 0)
    assert state.failed == ("buckets=3,seed=1",)
    assert state.seconds == pytest.approx(50, abs=10)
    assert state.left == pytest.approx(state.seconds / 5, rel=0.1)  # one of six is left
    [best] = state.best
    assert (best.label, best.mean, best.seeds) == ("buckets=2", -151.0, 3)
    assert -152.0 <= best.interval[0] < -151.0 < best.interval[1] <= -150.0


def test_a_sweep_that_has_ended(store: Store) -> None:
    """It has no time left; how it ended is told."""
    with parent_run(planned()) as parent:
        run(store, parent.run_id, 2, 0, -150.0)
    state = sweep_state(store, parent.run_id)
    assert (state.status, state.alive, state.left) == ("FAILED", False, None)
    [best] = state.best
    assert all(map(math.isnan, best.interval))
    assert "one seed" in "\n".join(lines(state))


def test_a_run_whose_process_died_is_not_running(store: Store) -> None:
    """A run that is marked as running without a living process counts as lost."""
    with parent_run(planned()) as parent:
        living, dead = (run(store, parent.run_id, 2, seed, status="RUNNING") for seed in (0, 1))
        process = run_of(store, living).tags[PROCESS]
        number, _, folder = process.split("-")
        tag(store, dead, PROCESS, f"{number}-{'0' * 16}-{folder}")
        state = sweep_state(store, parent.run_id)
    assert (state.running, state.lost, state.left) == (1, 1, None)
    assert "1 running, 1 whose process died" in "\n".join(lines(state))


def test_runs_on_fresh_seeds_are_counted_apart(store: Store) -> None:
    """They are no part of the plan, but of the leader's seeds."""
    with parent_run(planned()) as parent:
        run(store, parent.run_id, 2, 0, -150.0)
        values = {"buckets": 2, "seed": 7, "sweep": {"name": "s-confirm"}}
        record(store, values, -140.0, parent=parent.run_id)
        state = sweep_state(store, parent.run_id)
    assert (state.done, state.fresh, state.best[0].seeds) == (2, 1, 2)
    assert "1 of 6 runs done, 1 more on fresh seeds" in "\n".join(lines(state))


def test_which_sweep_is_watched(store: Store) -> None:
    """Without a name the one that runs, else the latest; an unknown name is refused."""
    with pytest.raises(UsageError, match="start one with: qsweep train -m"):
        find_sweep(store, None)
    with parent_run(planned()) as first:
        with parent_run(plan(("episodes=100", "buckets=4,5", "sweep.name=t"), multirun=True)) as second:
            pass
        assert find_sweep(store, None).run_id == first.run_id
    assert find_sweep(store, None).run_id == second.run_id
    assert find_sweep(store, "s").run_id == first.run_id
    with pytest.raises(UsageError, match="must be the name of a sweep"):
        find_sweep(store, "MountainCar-v0")


def test_a_sweep_whose_process_died_is_not_watched(store: Store) -> None:
    """A parent run that is marked as running without a living process does not win over a later sweep."""
    with parent_run(planned()) as dead:
        with parent_run(plan(("episodes=100", "buckets=4,5", "sweep.name=t"), multirun=True)) as later:
            pass
        number, _, folder = run_of(store, dead.run_id).tags[PROCESS].split("-")
        tag(store, dead.run_id, PROCESS, f"{number}-{'0' * 16}-{folder}")
        assert find_sweep(store, None).run_id == later.run_id


def test_the_lines_of_a_state() -> None:
    """What runs, how far it is, the leader."""
    assert [*lines(STATE)] == [
        "sweep s  MountainCar-v0  running for 2 min 5 s",
        "[######..................] 10 of 40 runs done, 2 more on fresh seeds, 3 running; "
        "about 1 min 35 s left",
        "best so far  buckets=20: -120 (-130 to -110), 5 seeds",
    ]
    bare = dataclasses.replace(STATE, planned=None, left=None, best=(), failed=tuple("abcdefg"))
    text = "\n".join(lines(bare))
    assert "\n10 runs done" in text
    assert "a, b, c, d, e and 2 more" in text


def test_the_page_reloads_while_the_sweep_runs() -> None:
    """It reloads every few seconds until the sweep has ended, and escapes what a store holds."""
    assert '<meta http-equiv="refresh" content="7">' in page(STATE, 7)
    ended = dataclasses.replace(STATE, alive=False, status="FINISHED", name="<script>x")
    text = page(ended, 7)
    assert "refresh" not in text
    assert "<script" not in text
    assert "finished after 2 min 5 s" in text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59, "59 s"), (60, "1 min"), (200, "3 min 20 s"), (3600, "1 h"), (7500, "2 h 5 min")],
)
def test_durations(seconds: float, words: str) -> None:
    """The two largest units."""
    assert duration(seconds) == words


def test_watching_to_the_end(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """A page is written and the state printed; a sweep that has ended is shown once."""
    with parent_run(planned()) as parent:
        run(store, parent.run_id, 2, 0, -150.0)
    watch(store, None, every=60, file=Path("w.html"))
    printed = capsys.readouterr().out
    assert re.search(r"sweep s .* ended with failed runs after \d+ s\n.*1 of 6 runs done\n", printed)
    assert "1 of 6 runs done" in Path("w.html").read_text()
    with pytest.raises(UsageError, match="--page: exists"):
        watch(store, None, every=60, file=Path("w.html"))
    with pytest.raises(UsageError, match=r"must end in \.html"):
        watch(store, None, every=60, file=Path("w.txt"))


def test_once_does_not_wait(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """A running sweep is shown once."""
    with parent_run(planned()) as parent:
        state = watch(store, "s", every=3600, once=True)
    assert state.alive
    assert "running for" in capsys.readouterr().out
    assert parent.run_id
