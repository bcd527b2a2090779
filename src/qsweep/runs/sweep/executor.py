"""Execution of a multirun's runs through a launcher until each has ended; finished ones are kept."""

from __future__ import annotations

import os
import shlex
import signal
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.utils import JobStatus
from hydra.plugins.launcher import Launcher

from qsweep.config import Config, config_hash
from qsweep.errors import UsageError, one_line
from qsweep.plan.composition import Job
from qsweep.runs.journal import POLL_SECONDS, Ended, Journal, watching
from qsweep.runs.parent_run import Parent
from qsweep.runs.progress import bar
from qsweep.runs.resume import Decision, Earlier, Rerun, decide, earlier_runs
from qsweep.runs.runner import Work
from qsweep.runs.sweep.batches import Assigned, Batch, batches
from qsweep.runs.sweep.workers import begin_worker, end_without_pgrep, started_undisturbed
from qsweep.system.interrupts import Interrupted
from qsweep.system.liveness import announce
from qsweep.tracking import run_search, unfinished
from qsweep.tracking.completeness import missing_files
from qsweep.tracking.result_code import code_of
from qsweep.tracking.run_search import discard, kill_abandoned
from qsweep.tracking.store import open_store
from qsweep.tracking.stored_run import PARENT
from qsweep.tracking.tables.database import DatabaseError

ORPHAN_SECONDS = 90.0
"""Time that runs get to end if their launcher is gone: other machines check once a minute."""
DEATHS = 2
"""Number of workers that may die executing a run before it is launched alone to find the cause."""
OWN = ("tracking.parent=", "tracking.name=", "sweep.")
"""Overrides that apply to a sweep, not to a single run."""


def command(lines: Sequence[str]) -> str:
    """Return the command line that runs a job alone."""
    return shlex.join(["qsweep", "train", *(line for line in lines if not line.startswith(OWN))])


class Executor:
    """The execution of runs under one parent run. first: a config, for the settings that all share.

    doing: what the progress bar says; empty: the name of the sweep.
    """

    doing = ""

    def __init__(self, parent: Parent, launcher: Launcher, journal: Journal, first: Config) -> None:
        self._parent, self._launcher, self._journal = parent, launcher, journal
        self._tracking, self._store, self._sweep = first.tracking, parent.store, first.sweep
        self._earlier = parent.earlier
        self._requested = self._launched = 0
        self._found: dict[str, dict[str, list[Earlier]]] = {}
        self._pool = getattr(launcher, "joblib", None)
        if self._pool is not None:
            end_without_pgrep()
            self._pool |= {"initializer": begin_worker, "initargs": (os.getpid(),)}

    @property
    def complete(self) -> bool:
        """True if every run so far has ended without an error."""
        return not any(run.error for run in self._journal.ended())

    def check_recorded(self) -> bool:
        """Mark the runs as failed whose records or files are not in the store any more; return if none is.

        A store or a folder that is deleted during a sweep takes along the runs that have ended before.
        """
        ended = [run for run in self._journal.ended() if not run.error and run.outcome.get("run_id")]
        if self._store is None or self._store.database is None or not ended:
            return True
        lost = lost_runs(self._store.uri, self._parent.run_id, [str(run.outcome["run_id"]) for run in ended])
        for run in ended:
            if reason := lost.get(str(run.outcome["run_id"])):
                self._journal.end(Ended(run.number, {}, reason))
        return not lost

    def run(self, jobs: Sequence[Job], name: str) -> list[Ended]:
        """Run further jobs as the sweep `name`; return how each ended, in order."""
        first, self._requested = self._requested, self._requested + len(jobs)
        works = {first + n: self._work(job, name) for n, job in enumerate(jobs)}
        with _progress(self.doing or f"sweep {name}", self._journal, first, len(jobs)):
            replaced = self._run(works, name)
        ended = [run for run in self._journal.ended() if run.number in works]
        done = [run.number for run in ended if not run.error]  # a failed run replaces none
        self._discard(run_id for number in done for run_id in replaced.get(number, ()))
        return ended

    def _work(self, job: Job, name: str) -> Work:
        parent = self._parent.run_id or None
        tracking = replace(job.config.tracking, name=job.name, parent=parent)
        resolved = job.resolved.changed(tracking=tracking, sweep=replace(job.config.sweep, name=name))
        return Work(resolved, job.name, command(job.overrides), figures=False)

    def _run(self, works: Mapping[int, Work], name: str) -> dict[int, tuple[str, ...]]:
        """Launch runs until all have ended; return number -> ids of the earlier runs it replaces."""
        replaced: dict[int, tuple[str, ...]] = {}
        deaths: Counter[int] = Counter()
        rest, rerun = dict(works), self._sweep.rerun
        while rest := self._to_run(rest, name, rerun, replaced):
            rerun = "code" if rerun == "never" else rerun  # runs recorded from now on are of this launch
            launched = _launched_next(rest, deaths)
            before = len(self._journal.ended())
            error = self._launch(launched)
            if error:  # the store has unfinished runs now
                self._found.pop(name, None)
            if self._journal.stopped:  # a run in this process received the signal
                raise Interrupted(signal.SIGTERM)
            died = launched.keys() & self._journal.abandon()
            died |= self._left_running(launched, name) if error else set()
            deaths.update(died)
            no_progress = len(self._journal.ended()) == before and not died
            silent = "the worker ended without reporting a result"
            for number in self._not_ended(launched):
                if no_progress or not error or (len(launched) == 1 and deaths[number] >= DEATHS):
                    self._journal.end(Ended(number, {}, error or silent))
            rest = self._not_ended(rest)
        return replaced

    def _not_ended(self, works: Mapping[int, Work]) -> dict[int, Work]:
        ended = {run.number for run in self._journal.ended()}
        return {number: work for number, work in works.items() if number not in ended}

    def _left_running(self, works: Mapping[int, Work], name: str) -> set[int]:
        """Return the runs that the store still marks RUNNING after their launch, and mark them killed.

        This finds runs of workers whose journal lies on another machine.
        """
        if self._store is None:
            return set()
        found = self._earlier_runs(name).items()
        running = {config for config, runs in found if any(each.run.status == "RUNNING" for each in runs)}
        kill_abandoned(self._store, self._parent.run_id)
        return {number for number, work in works.items() if config_hash(work.config) in running}

    def _to_run(
        self, works: Mapping[int, Work], name: str, rerun: Rerun, replaced: dict[int, tuple[str, ...]]
    ) -> dict[int, Work]:
        """Return the runs to execute, given earlier runs; mark the others as ended."""
        if not works or not self._earlier:
            self._earlier = bool(self._parent.run_id)  # there will be from now on
            return dict(works)
        rest: dict[int, Work] = {}
        for number, decision in self._decisions(works, name, rerun).items():
            if decision.does in ("run", "resume"):
                run_id = decision.run_id if decision.does == "resume" else ""
                rest[number] = replace(works[number], run_id=run_id)
                replaced[number] = decision.replaced
            elif decision.does == "keep":
                self._journal.end(Ended(number, {"run_id": decision.run_id}, ""))
                self._discard(decision.replaced)
            else:
                self._journal.end(
                    Ended(number, {}, f"run {decision.run_id} is being executed by another process")
                )
        return rest

    def _decisions(self, works: Mapping[int, Work], name: str, rerun: Rerun) -> dict[int, Decision]:
        """Decide on runs; wait for those in orphaned workers, which may end soon."""
        wanted = {n: (config_hash(work.config), code_of(work.resolved)) for n, work in works.items()}
        deadline = time.monotonic() + ORPHAN_SECONDS
        while True:
            if name not in self._found:  # no other process starts runs under this parent
                self._found[name] = self._earlier_runs(name)
            found = self._found[name]
            decisions = {
                n: decide(found.get(config, []), rerun, code) for n, (config, code) in wanted.items()
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
        """Pass runs to the launcher in batches; return the error it raised as one line, or ""."""
        runs = [Assigned(number, work) for number, work in works.items()]
        made = batches(runs, announce(), self._sweep.batch, _workers(self._launcher))
        lines = [[f"+batch='{batch.encoded()}'"] for batch in made]
        first, self._launched = self._launched, self._launched + len(lines)
        try:
            several = self._pool is not None and _workers(self._launcher) > 1
            with started_undisturbed() if several else nullcontext():
                returned = self._launcher.launch(lines, initial_job_idx=first)
        except Exception as error:  # of any launcher, mostly that a worker died
            return one_line(error, kind=True)
        pairs = list(zip(made, returned, strict=True))
        for batch, job in pairs:
            if job.status != JobStatus.UNKNOWN:
                self._mark_ended(batch, job)
        lost = [job._return_value for _, job in pairs if job.status == JobStatus.UNKNOWN]
        return one_line(lost[0], kind=True) if lost else ""

    def _mark_ended(self, batch: Batch, job: Any) -> None:
        """Mark the ends of a batch's runs if its worker could not write to this folder."""
        known = {run.number for run in self._journal.ended()}
        failed = job.status != JobStatus.COMPLETED
        error = one_line(job._return_value, kind=True) if failed else ""
        ended = [Ended(each.number, {}, error) for each in batch.runs] if failed else job.return_value
        for run in ended:
            if run.number not in known:
                self._journal.end(run)

    def _discard(self, run_ids: Iterable[str]) -> None:
        for run_id in run_ids:
            assert self._store is not None
            discard(self._store, run_id)
            unfinished.forget(run_id)


def lost_runs(uri: str, parent: str, run_ids: Iterable[str]) -> dict[str, str]:
    """Return the runs that a store does not hold as finished, with their files, by id, with the reason.

    The store is opened anew: an open database can be read after its file was deleted.
    """
    try:
        store = open_store(uri, create=False)
        found = {
            run.run_id: run for run in run_search.runs(store, run_search.experiments(store), {PARENT: parent})
        }
    except (UsageError, DatabaseError) as error:
        return dict.fromkeys(
            run_ids, f"the store was moved or deleted while the sweep ran: {one_line(error)}"
        )
    lost: dict[str, str] = {}
    for run_id in run_ids:
        run = found.get(run_id)
        if run is None:
            lost[run_id] = f"its record {run_id} was deleted from the store while the sweep ran"
        elif missing := missing_files(store, run):
            lost[run_id] = f"its files were deleted while the sweep ran: {', '.join(missing)}"
    return lost


def _launched_next(works: Mapping[int, Work], deaths: Counter[int]) -> dict[int, Work]:
    """Return the runs not suspected of killing workers; if there are none, one suspect alone."""
    stable = {number: work for number, work in works.items() if deaths[number] < DEATHS}
    return stable or dict(list(works.items())[:1])


def _workers(launcher: Launcher) -> int:
    """Return the number of batches that run concurrently, if known."""
    if isinstance(launcher, BasicLauncher):
        return 1
    if hasattr(launcher, "workers"):  # of a cluster
        return int(launcher.workers)
    from joblib import effective_n_jobs  # slow; a single run imports this module, too

    return int(effective_n_jobs(getattr(launcher, "joblib", {}).get("n_jobs", -1)))


@contextmanager
def _progress(what: str, journal: Journal, before: int, total: int) -> Iterator[None]:
    with bar("{task.completed:.0f} of {task.total:.0f} runs") as shown:
        line = shown.add_task(what, total=total)
        with watching(journal.folder, lambda ended: shown.update(line, completed=len(ended) - before)):
            yield
