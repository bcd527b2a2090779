"""A multirun: a parent run, its runs through any Hydra launcher, confirmation and report."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from qsweep.plan.composition import Job, Plan
from qsweep.runs.journal import POLL_SECONDS, Ended, Journal, watching
from qsweep.runs.parent_run import Parent, parent_run
from qsweep.runs.progress import bar
from qsweep.runs.sweep.batches import Batch, run_batch, working_folder
from qsweep.runs.sweep.executor import Executor
from qsweep.system.interrupts import Interrupted, mark_interrupts
from qsweep.tracking.store import Store

if TYPE_CHECKING:
    from qsweep.runs.sweep.confirmation import Winner

NEEDED_BY_REPORTS = ("qsweep.report.attachment", "qsweep.report.figures")
"""Modules that take seconds to import: pandas, SciPy, matplotlib."""
GRACE_SECONDS = 30.0
"""Time that running runs get to save their records when a sweep is interrupted."""


def run_job(config: DictConfig) -> list[Ended]:
    """Execute a batch of runs; Hydra calls this for each job of a multirun."""
    mark_interrupts()
    batch = Batch.decoded(config.batch)
    return run_batch(batch, Journal(working_folder(batch) / HydraConfig.get().sweep.dir))


@dataclass(frozen=True)
class Concluded:
    """The end of a sweep. parent: its run's id. winners: by environment. report: a line with its address."""

    parent: str
    winners: Mapping[str, Winner]
    report: str


def sweep(plan: Plan, launcher: Launcher, folder: Path) -> Concluded:
    """Run every job of a plan under one parent run, which is FINISHED only if all of them are.

    The parent run of an earlier launch of the same multirun is continued, and its finished runs are kept.
    Then the winner is confirmed and registered, and the runs are compared, unless that is disabled. Raises
    Interrupted on SIGINT or SIGTERM, after the running runs have saved their records.
    """
    journal, first = Journal(folder), plan.jobs[0].config
    with stopping_runs(journal), parent_run(plan) as parent:
        runs = Executor(parent, launcher, journal, first)
        reported = parent.run_id and first.sweep.report == "auto"
        with report_loading(folder) if reported else nullcontext():
            runs.run(plan.jobs, plan.name)
        concluded = Concluded(parent.run_id, {}, "")
        if runs.check_recorded():
            concluded = conclude(plan, parent, runs, journal)
            runs.check_recorded()
        parent.complete = runs.complete
    return concluded


def report_loading(folder: Path, modules: Sequence[str] = NEEDED_BY_REPORTS) -> AbstractContextManager[None]:
    """Import the report's modules in the background, once the first run of a folder has ended.

    Earlier it would slow the start of the workers.
    """
    needed = iter(modules)

    def load(ended: Sequence[Ended]) -> None:
        if ended and (module := next(needed, "")):
            with suppress(Exception):  # the report raises it again
                import_module(module)

    return watching(folder, load)


def conclude(plan: Plan, parent: Parent, runs: Executor, journal: Journal) -> Concluded:
    """Confirm and register the winner, and compare the runs, as configured."""
    first = plan.jobs[0].config
    found: dict[str, Winner] = {}
    report = ""
    if parent.store is not None and first.registry.promote == "auto":
        runs.doing = "confirming on fresh seeds"
        found = _winners(parent.store, plan, parent, runs.run)
    reported = first.sweep.report == "auto" and not all(run.error for run in journal.ended())
    if parent.store is not None and reported:
        report = _report(parent.store, parent.run_id)
    return Concluded(parent.run_id, found, report)


def _winners(
    store: Store, plan: Plan, parent: Parent, launch: Callable[[Sequence[Job], str], object]
) -> dict[str, Winner]:
    """Confirm and register the winners, by environment; add their metrics to the parent run."""
    from qsweep.runs.sweep.confirmation import winners  # pandas is slow to import

    found = winners(store, plan, parent.run_id, launch)
    for winner in found:
        parent.metrics |= winner.metrics(f"confirm/{winner.env_id}" if len(found) > 1 else "confirm")
    return {winner.environment: winner for winner in found}


def _report(store: Store, parent: str) -> str:
    """Attach the report to the parent run; return its address."""
    from qsweep.report.attachment import attach  # matplotlib is slow to import

    with bar("comparing the runs") as shown:
        shown.add_task("report", total=None)
        return attach(store, parent)


@contextmanager
def stopping_runs(journal: Journal) -> Iterator[None]:
    """On SIGINT or SIGTERM wait for the running runs to end, then raise Interrupted."""

    def stop(signum: int, _: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a second Ctrl-C does not wait
        journal.stop()
        deadline = time.monotonic() + GRACE_SECONDS
        # A run of this process cannot end while this waits; it gets the exception.
        while not all(worker.own for worker in journal.running().values()) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        raise Interrupted(signum)

    before = {signum: signal.signal(signum, stop) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
