from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hydra.core.utils import JobReturn, JobStatus

from qsweep.plan.composition import plan
from qsweep.runs.journal import Ended, Journal
from qsweep.runs.parent_run import Parent
from qsweep.runs.sweep.batches import Batch
from qsweep.runs.sweep.executor import Executor, command
from qsweep.system.interrupts import Interrupted
from qsweep.tracking.tracker import NullRunLog

Fate = Callable[[int], bool]
"""Whether the process that has a run in hand dies of it."""


def result(number: int) -> Ended:
    """How a run ends well."""
    return Ended(number, {"name": f"seed={number}", "run_id": "", "episodes": 1, "metrics": {}}, "")


@dataclass
class Workers:
    """A launcher whose workers all die when a run kills one of them, as joblib's do.

    Each has a batch; run by run they go on in step. begun: how often each run was begun.
    """

    folder: Path
    kills: Fate
    begun: Counter[int] = field(default_factory=Counter)
    launches: list[list[int]] = field(default_factory=list)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[Any]:
        """Work the batches off, or die."""
        [*lines] = (line.removeprefix("+batch='").removesuffix("'") for [line] in job_overrides)
        made, jobs = [Batch.decoded(line) for line in lines], Journal(self.folder)
        self.launches.append([each.number for batch in made for each in batch.runs])
        queues = [[each.number for each in batch.runs] for batch in made]
        while any(queues):
            in_hand = [queue.pop(0) for queue in queues[:2] if queue]
            queues = [queue for queue in queues if queue]
            self.begun.update(in_hand)
            jobs.start(in_hand)
            if any(self.kills(number) for number in in_hand):
                raise RuntimeError("A worker process was terminated")
            for number in in_hand:
                jobs.end(result(number))
        return [returned([]) for _ in made]


def returned(value: object, status: JobStatus = JobStatus.COMPLETED) -> JobReturn:
    job = JobReturn(status=status)
    job.return_value = value
    return job


def runs(launcher: Any, folder: Path, *lines: str, count: int = 6) -> tuple[Executor, list[Ended]]:
    """Run some seeds, untracked, through a launcher; how they ended."""
    wanted = plan(("episodes=1", "tracking=none", f"seed=range({count})", *lines), multirun=True)
    parent = Parent(NullRunLog(), earlier=False, store=None)
    made = Executor(parent, launcher, Journal(folder), wanted.jobs[0].config)
    return made, made.run(wanted.jobs, wanted.name)


def test_every_run_is_launched_once(tmp_path: Path) -> None:
    """Where nothing goes wrong there is one launch of all, and all is there."""
    launcher = Workers(tmp_path, lambda _: False)
    made, ended = runs(launcher, tmp_path, "sweep.batch=2")
    assert (launcher.launches, launcher.begun) == ([[0, 1, 2, 3, 4, 5]], Counter(range(6)))
    assert ended == [result(number) for number in range(6)]
    assert made.complete


def test_a_worker_that_dies_once(tmp_path: Path) -> None:
    """What had not ended is launched again, nothing else is; then all is there."""
    launcher = Workers(tmp_path, lambda number: number == 3 and launcher.begun[3] == 1)
    made, ended = runs(launcher, tmp_path, "sweep.batch=1")
    assert launcher.launches == [[0, 1, 2, 3, 4, 5], [2, 3, 4, 5]]
    assert [run.error for run in ended] == [""] * 6
    assert made.complete


@pytest.mark.slow
@pytest.mark.parametrize("killer", range(6))
@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_a_run_that_kills_its_worker(tmp_path: Path, killer: int, size: int) -> None:
    """It alone is held to be the cause; those that were at work beside it, each time, end well."""
    launcher = Workers(tmp_path, lambda number: number == killer)
    made, ended = runs(launcher, tmp_path, f"sweep.batch={size}")
    errors = {run.number: run.error for run in ended}
    assert errors.pop(killer) == "RuntimeError: A worker process was terminated"
    assert set(errors.values()) == {""}
    assert 2 <= launcher.begun[killer] <= 3
    assert not made.complete


def test_every_run_kills_its_worker(tmp_path: Path) -> None:
    """Then each is tried, and the end is reached."""
    launcher = Workers(tmp_path, lambda _: True)
    _, ended = runs(launcher, tmp_path)
    assert [bool(run.error) for run in ended] == [True] * 6
    assert max(launcher.begun.values()) <= 3


class Broken:
    """A launcher that raises: at once, or after one worker died."""

    def __init__(self, folder: Path, deaths: int) -> None:
        self._jobs, self._deaths, self.launches = Journal(folder), deaths, 0

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[Any]:
        """Raise."""
        self.launches += 1
        assert self.launches < 20, "for ever"
        if self.launches <= self._deaths:
            self._jobs.start([0])
        raise RuntimeError("no more\nprocesses")


@pytest.mark.slow
@pytest.mark.parametrize("deaths", [0, 1, 2])
def test_a_launcher_that_launches_nothing(tmp_path: Path, deaths: int) -> None:
    """Where nothing more is begun, it is not asked for ever: all that is left has failed, and why."""
    _, ended = runs(Broken(tmp_path, deaths), tmp_path)
    assert [run.error for run in ended] == ["RuntimeError: no more processes"] * 6


class Elsewhere:
    """A launcher on another machine, whose folder is not seen: it says in its answer how runs ended."""

    def __init__(self, answer: Callable[[Batch], JobReturn]) -> None:
        self._answer = answer

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Say so."""
        made = (Batch.decoded(line.removeprefix("+batch='").removesuffix("'")) for [line] in job_overrides)
        return [self._answer(batch) for batch in made]


def test_what_a_worker_elsewhere_says(tmp_path: Path) -> None:
    """How runs ended is heard from the launcher where the folder does not say it."""
    launcher = Elsewhere(lambda batch: returned([result(each.number) for each in batch.runs]))
    made, ended = runs(launcher, tmp_path, "sweep.batch=4")
    assert ended == [result(number) for number in range(6)]
    assert made.complete


def test_a_worker_elsewhere_that_failed(tmp_path: Path) -> None:
    """The runs of a batch that came to nothing have all failed, for the launcher's reason; the others not."""

    def answer(batch: Batch) -> JobReturn:
        if batch.runs[0].number:
            return returned(OSError("no route\nto host"), JobStatus.FAILED)
        return returned([result(each.number) for each in batch.runs])

    _, ended = runs(Elsewhere(answer), tmp_path, "sweep.batch=2")
    assert [run.error for run in ended] == ["", "", *["OSError: no route to host"] * 4]


def test_a_worker_elsewhere_that_died_once(tmp_path: Path) -> None:
    """What was in its batch is launched again, what the others said is heard and nothing is run twice."""
    begun: Counter[int] = Counter()

    def answer(batch: Batch) -> JobReturn:
        begun.update(each.number for each in batch.runs)
        if begun[2] == 1 and batch.runs[0].number == 2:
            return JobReturn(status=JobStatus.UNKNOWN, _return_value=RuntimeError("the worker died"))
        return returned([result(each.number) for each in batch.runs])

    made, ended = runs(Elsewhere(answer), tmp_path, "sweep.batch=2")
    assert ended == [result(number) for number in range(6)]
    assert begun == {0: 1, 1: 1, 2: 2, 3: 2, 4: 1, 5: 1}
    assert made.complete


class Cluster(Elsewhere):
    """One that says how many workers it has."""

    workers = 3


@pytest.mark.slow
def test_batches_suit_the_workers_of_a_cluster(tmp_path: Path) -> None:
    """Their number is the cluster's, not that of this machine's cores; batches grow smaller."""
    sizes: list[int] = []

    def answer(batch: Batch) -> JobReturn:
        sizes.append(len(batch.runs))
        return returned([result(each.number) for each in batch.runs])

    runs(Cluster(answer), tmp_path, count=96)
    assert sizes == [8] * 5 + [4] * 14


def test_runs_of_which_nobody_says_anything(tmp_path: Path) -> None:
    """A run that neither the folder nor the launcher knows of has not ended well."""
    made, ended = runs(Elsewhere(lambda _: returned([])), tmp_path, count=2)
    assert [run.error for run in ended] == ["the worker ended without reporting a result"] * 2
    assert not made.complete


def test_a_sweep_that_is_stopped(tmp_path: Path) -> None:
    """Where a run in this very process took the signal, nothing more is launched."""
    jobs = Journal(tmp_path)

    def stop(_: Batch) -> JobReturn:
        jobs.stop()
        return returned([])

    with pytest.raises(Interrupted):
        runs(Elsewhere(stop), tmp_path)


def test_more_runs_are_counted_on(tmp_path: Path) -> None:
    """A second set of runs, which confirms the first, has numbers of its own."""
    launcher = Workers(tmp_path, lambda _: False)
    made, _ = runs(launcher, tmp_path, count=2)
    again = plan(("episodes=1", "tracking=none", "seed=5,6,7"), multirun=True)
    assert [run.number for run in made.run(again.jobs, "again")] == [2, 3, 4]
    assert made.complete


def test_a_command_is_what_to_type() -> None:
    """It is quoted for the shell, and leaves out what only the sweep added."""
    lines = ["buckets=[2,3]", "env.id=X v0", "sweep.name='s'", "tracking.name='n'", "tracking.parent=abc"]
    assert command([*lines, "+sweep=b"]) == "qsweep train 'buckets=[2,3]' 'env.id=X v0' +sweep=b"
    assert shlex.split(command(["+experiment=a", "tracking.max_points=0"]))[2:] == [
        "+experiment=a",
        "tracking.max_points=0",
    ]
