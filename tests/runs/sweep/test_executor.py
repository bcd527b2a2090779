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

Fate = Callable[[int], bool]
"""Predicate: whether a run kills its worker."""


def result(number: int) -> Ended:
    """The end mark of a successful run."""
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
        """Execute the batches, or die."""
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
    """Run some seeds, untracked, through a launcher; return executor and ends."""
    wanted = plan(("episodes=1", "tracking=none", f"seed=range({count})", *lines), multirun=True)
    parent = Parent("", earlier=False, store=None)
    made = Executor(parent, launcher, Journal(folder), wanted.jobs[0].config)
    return made, made.run(wanted.jobs, wanted.name)


def test_every_run_is_launched_once(tmp_path: Path) -> None:
    """Without errors, one launch executes all runs."""
    launcher = Workers(tmp_path, lambda _: False)
    made, ended = runs(launcher, tmp_path, "sweep.batch=2")
    assert (launcher.launches, launcher.begun) == ([[0, 1, 2, 3, 4, 5]], Counter(range(6)))
    assert ended == [result(number) for number in range(6)]
    assert made.complete


def test_a_worker_that_dies_once(tmp_path: Path) -> None:
    """Only runs that had not ended are relaunched."""
    launcher = Workers(tmp_path, lambda number: number == 3 and launcher.begun[3] == 1)
    made, ended = runs(launcher, tmp_path, "sweep.batch=1")
    assert launcher.launches == [[0, 1, 2, 3, 4, 5], [2, 3, 4, 5]]
    assert [run.error for run in ended] == [""] * 6
    assert made.complete


@pytest.mark.slow
@pytest.mark.parametrize("killer", range(6))
@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_a_run_that_kills_its_worker(tmp_path: Path, killer: int, size: int) -> None:
    """Only the run that kills workers fails; runs executed alongside it finish."""
    launcher = Workers(tmp_path, lambda number: number == killer)
    made, ended = runs(launcher, tmp_path, f"sweep.batch={size}")
    errors = {run.number: run.error for run in ended}
    assert errors.pop(killer) == "RuntimeError: A worker process was terminated"
    assert set(errors.values()) == {""}
    assert 2 <= launcher.begun[killer] <= 3
    assert not made.complete


def test_every_run_kills_its_worker(tmp_path: Path) -> None:
    """If every run kills its worker, each is tried alone, and execution ends."""
    launcher = Workers(tmp_path, lambda _: True)
    _, ended = runs(launcher, tmp_path)
    assert [bool(run.error) for run in ended] == [True] * 6
    assert max(launcher.begun.values()) <= 3


class Broken:
    """A launcher that raises, at once or after one worker died."""

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
    """Without progress the launcher is not called forever: remaining runs fail with the reason."""
    _, ended = runs(Broken(tmp_path, deaths), tmp_path)
    assert [run.error for run in ended] == ["RuntimeError: no more processes"] * 6


class Elsewhere:
    """A launcher on another machine without this folder; it returns how runs ended."""

    def __init__(self, answer: Callable[[Batch], JobReturn]) -> None:
        self._answer = answer

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Return how the runs ended."""
        made = (Batch.decoded(line.removeprefix("+batch='").removesuffix("'")) for [line] in job_overrides)
        return [self._answer(batch) for batch in made]


def test_what_a_worker_elsewhere_says(tmp_path: Path) -> None:
    """Ends missing from the folder are taken from the launcher's result."""
    launcher = Elsewhere(lambda batch: returned([result(each.number) for each in batch.runs]))
    made, ended = runs(launcher, tmp_path, "sweep.batch=4")
    assert ended == [result(number) for number in range(6)]
    assert made.complete


def test_a_worker_elsewhere_that_failed(tmp_path: Path) -> None:
    """All runs of a failed batch fail with the launcher's error; others do not."""

    def answer(batch: Batch) -> JobReturn:
        if batch.runs[0].number:
            return returned(OSError("no route\nto host"), JobStatus.FAILED)
        return returned([result(each.number) for each in batch.runs])

    _, ended = runs(Elsewhere(answer), tmp_path, "sweep.batch=2")
    assert [run.error for run in ended] == ["", "", *["OSError: no route to host"] * 4]


def test_a_worker_elsewhere_that_died_once(tmp_path: Path) -> None:
    """A lost batch is relaunched, results of others are kept, and nothing runs twice."""
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
    """A launcher with a known number of workers."""

    workers = 3


@pytest.mark.slow
def test_batches_suit_the_workers_of_a_cluster(tmp_path: Path) -> None:
    """Batch sizes follow the cluster's workers, not this machine's cores: four groups of seeds for each."""
    sizes: list[int] = []

    def answer(batch: Batch) -> JobReturn:
        sizes.append(len(batch.runs))
        return returned([result(each.number) for each in batch.runs])

    runs(Cluster(answer), tmp_path, count=96)
    assert sizes == [8] * 12


def test_runs_of_which_nobody_says_anything(tmp_path: Path) -> None:
    """A run unknown to both folder and launcher has failed."""
    made, ended = runs(Elsewhere(lambda _: returned([])), tmp_path, count=2)
    assert [run.error for run in ended] == ["the worker ended without reporting a result"] * 2
    assert not made.complete


def test_a_sweep_that_is_stopped(tmp_path: Path) -> None:
    """If a run in this process received the signal, nothing more is launched."""
    jobs = Journal(tmp_path)

    def stop(_: Batch) -> JobReturn:
        jobs.stop()
        return returned([])

    with pytest.raises(Interrupted):
        runs(Elsewhere(stop), tmp_path)


def test_more_runs_are_counted_on(tmp_path: Path) -> None:
    """Further runs get new numbers."""
    launcher = Workers(tmp_path, lambda _: False)
    made, _ = runs(launcher, tmp_path, count=2)
    again = plan(("episodes=1", "tracking=none", "seed=5,6,7"), multirun=True)
    assert [run.number for run in made.run(again.jobs, "again")] == [2, 3, 4]
    assert made.complete


def test_a_command_is_what_to_type() -> None:
    """The command is quoted for the shell, without the sweep's own overrides."""
    lines = ["buckets=[2,3]", "env.id=X v0", "sweep.name='s'", "tracking.name='n'", "tracking.parent=abc"]
    assert command([*lines, "+sweep=b"]) == "qsweep train 'buckets=[2,3]' 'env.id=X v0' +sweep=b"
    assert shlex.split(command(["+experiment=a", "tracking.max_points=0"]))[2:] == [
        "+experiment=a",
        "tracking.max_points=0",
    ]
