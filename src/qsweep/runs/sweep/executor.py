"""The runs of a multirun through a launcher, until each has ended: those that are there are kept."""

from __future__ import annotations

import os
import shlex
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.utils import JobStatus
from hydra.plugins.launcher import Launcher
from joblib import effective_n_jobs

from qsweep.config import Config, config_hash
from qsweep.errors import one_line
from qsweep.plan.composition import Job
from qsweep.runs.journal import Ended, Jobs
from qsweep.runs.parent_run import Parent
from qsweep.runs.progress import bar
from qsweep.runs.resume import Decision, Earlier, Rerun, decide, earlier_runs
from qsweep.runs.runner import Work
from qsweep.runs.sweep.batches import Assigned, Batch, batches
from qsweep.system.exit_with_parent import exit_with_parent
from qsweep.system.interrupts import Interrupted
from qsweep.system.liveness import announce
from qsweep.tracking import tracker, unfinished
from qsweep.tracking.provenance import code

POLL_SECONDS = 0.25
ORPHAN_SECONDS = 90.0
"""How long runs may take to end whose launching process is gone: on other machines they ask once a minute."""
DEATHS = 2
"""How many processes may die with a run in hand before it is launched alone, to see whether that is why."""
OWN = ("tracking.parent=", "tracking.name=", "sweep.")
"""Overrides that belong to a sweep, not to a run of it alone."""


def command(lines: Sequence[str]) -> str:
    """What a user types to run a job again, alone."""
    return shlex.join(["qsweep", "train", *(line for line in lines if not line.startswith(OWN))])


class Runs:
    """The runs under one parent run. first: the config of one of them, for what they share."""

    def __init__(self, parent: Parent, launcher: Launcher, jobs: Jobs, first: Config) -> None:
        self._parent, self._launcher, self._jobs = parent, launcher, jobs
        self._tracking, self._store, self._sweep = first.tracking, parent.store, first.sweep
        self._earlier = parent.earlier
        self._wanted = self._launched = 0
        self._found: dict[str, dict[str, list[Earlier]]] = {}
        pool = getattr(launcher, "joblib", None)
        if pool is not None:
            pool |= {"initializer": exit_with_parent, "initargs": (os.getpid(),)}

    @property
    def whole(self) -> bool:
        """Whether every run that was wanted has ended well."""
        ended = self._jobs.ended()
        return len(ended) == self._wanted and not any(run.error for run in ended)

    def run(self, jobs: Sequence[Job], name: str) -> list[Ended]:
        """Run some more jobs, as the sweep `name`; says how those ended that no other process has in hand."""
        first, self._wanted = self._wanted, self._wanted + len(jobs)
        works = {first + n: self._work(job, name) for n, job in enumerate(jobs)}
        with _progress(name, self._jobs, first, len(jobs)):
            replaced = self._run(works, name)
        ended = [run for run in self._jobs.ended() if run.number in works]
        done = [run.number for run in ended if not run.error]  # what failed takes nothing's place
        self._discard(run_id for number in done for run_id in replaced.get(number, ()))
        return ended

    def _work(self, job: Job, name: str) -> Work:
        parent = self._parent.run_id or None
        tracking = replace(job.config.tracking, name=job.name, parent=parent)
        resolved = job.resolved.changed(tracking=tracking, sweep=replace(job.config.sweep, name=name))
        return Work(resolved, job.name, command(job.overrides), figures=False)

    def _run(self, works: Mapping[int, Work], name: str) -> dict[int, tuple[str, ...]]:
        """Launch runs until all have ended; returns which earlier ones they take the place of."""
        replaced: dict[int, tuple[str, ...]] = {}
        deaths: Counter[int] = Counter()
        rest, rerun = dict(works), self._sweep.rerun
        while rest := self._to_run(rest, name, rerun, replaced):
            rerun = "code" if rerun == "never" else rerun  # what is there now is of this launch
            some = _calm(rest, deaths)
            before = self._jobs.count_ended()
            error = self._launch(some)
            if error:  # what died is there now
                self._found.pop(name, None)
            if self._jobs.stopped:  # a run in this very process took the signal
                raise Interrupted(signal.SIGTERM)
            died = some.keys() & self._jobs.abandoned()
            died |= self._left_running(some, name) if error else set()
            deaths.update(died)
            nothing = self._jobs.count_ended() == before and not died
            for number in self._not_ended(some):
                if nothing or not error or (len(some) == 1 and deaths[number] >= DEATHS):
                    self._jobs.end(Ended(number, {}, error or "the worker ended without reporting a result"))
            rest = self._not_ended(rest)
        return replaced

    def _not_ended(self, works: Mapping[int, Work]) -> dict[int, Work]:
        ended = {run.number for run in self._jobs.ended()}
        return {number: work for number, work in works.items() if number not in ended}

    def _left_running(self, works: Mapping[int, Work], name: str) -> set[int]:
        """Those of some runs that the store holds for RUNNING after their launch, which they are no more.

        So one knows what was in the hands of a process whose marks lie on another machine.
        """
        if not self._parent.run_id:
            return set()
        found = self._earlier_runs(name).items()
        running = {config for config, runs in found if any(each.run.status == "RUNNING" for each in runs)}
        tracker(self._store).kill_running(self._parent.run_id)
        return {number for number, work in works.items() if config_hash(work.config) in running}

    def _to_run(
        self, works: Mapping[int, Work], name: str, rerun: Rerun, replaced: dict[int, tuple[str, ...]]
    ) -> dict[int, Work]:
        """Those of some runs that are to run, after a look at what there is of them already."""
        if not works or not self._earlier:
            self._earlier = bool(self._parent.run_id)  # the next time there will be some
            return dict(works)
        rest: dict[int, Work] = {}
        for number, decision in self._decisions(works, name, rerun).items():
            if decision.does in ("run", "go on"):
                run_id = decision.run_id if decision.does == "go on" else ""
                rest[number] = replace(works[number], run_id=run_id)
                replaced[number] = decision.replaced
            elif decision.does == "keep":
                self._jobs.end(Ended(number, {"run_id": decision.run_id}, ""))
                self._discard(decision.replaced)
            else:
                self._jobs.end(
                    Ended(number, {}, f"run {decision.run_id} is being executed by another process")
                )
        return rest

    def _decisions(self, works: Mapping[int, Work], name: str, rerun: Rerun) -> dict[int, Decision]:
        """What becomes of some runs; those that a process without a launcher has in hand may end first."""
        hashes = {number: config_hash(work.config) for number, work in works.items()}
        deadline = time.monotonic() + ORPHAN_SECONDS
        while True:
            if name not in self._found:  # nobody else has runs below this parent begin
                self._found[name] = self._earlier_runs(name)
            found = self._found[name]
            decisions = {
                number: decide(found.get(config, []), rerun, code()) for number, config in hashes.items()
            }
            waits = any(decision.does == "wait" for decision in decisions.values())
            if not waits or time.monotonic() > deadline:
                return decisions
            del self._found[name]
            time.sleep(POLL_SECONDS)

    def _earlier_runs(self, name: str) -> dict[str, list[Earlier]]:
        assert self._store is not None
        return earlier_runs(self._store, self._parent.run_id, name, self._tracking)

    def _launch(self, works: Mapping[int, Work]) -> str:
        """Hand runs to the launcher, in batches; returns what it raised, as one line."""
        runs = [Assigned(number, work) for number, work in works.items()]
        made = batches(runs, announce(), self._sweep.batch, _workers(self._launcher))
        lines = [[f"+batch='{batch.encoded()}'"] for batch in made]
        first, self._launched = self._launched, self._launched + len(lines)
        try:
            returned = self._launcher.launch(lines, initial_job_idx=first)
        except Exception as error:  # of whichever launcher, above all that a worker died
            return one_line(error, kind=True)
        pairs = list(zip(made, returned, strict=True))
        for batch, job in pairs:
            if job.status != JobStatus.UNKNOWN:
                self._hear(batch, job)
        lost = [job._return_value for _, job in pairs if job.status == JobStatus.UNKNOWN]
        return one_line(lost[0], kind=True) if lost else ""

    def _hear(self, batch: Batch, job: Any) -> None:
        """Mark how the runs of a batch ended that was run where this folder is not seen."""
        known = {run.number for run in self._jobs.ended()}
        failed = job.status != JobStatus.COMPLETED
        error = one_line(job._return_value, kind=True) if failed else ""
        ended = [Ended(each.number, {}, error) for each in batch.runs] if failed else job.return_value
        for run in ended:
            if run.number not in known:
                self._jobs.end(run)

    def _discard(self, run_ids: Iterable[str]) -> None:
        for run_id in run_ids:
            tracker(self._store).discard(run_id)
            unfinished.forget(run_id)


def _calm(works: Mapping[int, Work], deaths: Counter[int]) -> dict[int, Work]:
    """The runs that processes do not die of, as far as one knows; then one of the others."""
    calm = {number: work for number, work in works.items() if deaths[number] < DEATHS}
    return calm or dict(list(works.items())[:1])


def _workers(launcher: Launcher) -> int:
    """How many batches run at once, as far as one can know."""
    if isinstance(launcher, BasicLauncher):
        return 1
    if hasattr(launcher, "workers"):  # of a cluster
        return int(launcher.workers)
    return int(effective_n_jobs(getattr(launcher, "joblib", {}).get("n_jobs", -1)))


@contextmanager
def _progress(name: str, jobs: Jobs, before: int, total: int) -> Iterator[None]:
    """A live line of runs done, runs in all and the time that is left."""
    done = threading.Event()
    with bar("{task.completed:.0f} of {task.total:.0f} runs") as shown:
        line = shown.add_task(f"sweep {name}", total=total)

        def watch() -> None:
            watched = Jobs(jobs.folder)  # its own, for it reads at the same time
            while not done.wait(POLL_SECONDS):
                shown.update(line, completed=watched.count_ended() - before)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
