"""A multirun: a parent run, its runs through any Hydra launcher, confirmation and report."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from importlib import import_module
from pathlib import Path
from types import FrameType

import click
from hydra.core.hydra_config import HydraConfig
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from qsweep.plan.composition import Job, Plan
from qsweep.runs.journal import POLL_SECONDS, Ended, Journal, watching
from qsweep.runs.parent_run import Parent, parent_run
from qsweep.runs.progress import bar
from qsweep.runs.sweep.batches import Batch, run_batch
from qsweep.runs.sweep.executor import Executor
from qsweep.system.interrupts import Interrupted
from qsweep.tracking.store import Store

NEEDED_BY_REPORTS = ("qsweep.report.attachment", "qsweep.report.figures")
"""Modules that take seconds to import: pandas, SciPy, matplotlib."""
GRACE_SECONDS = 10.0
"""Time that running runs get to save their records when a sweep is interrupted."""


def run_job(config: DictConfig) -> list[Ended]:
    """Execute a batch of runs; Hydra calls this for each job of a multirun."""
    return run_batch(Batch.decoded(config.batch), Journal(Path(HydraConfig.get().sweep.dir)))


def sweep(plan: Plan, launcher: Launcher, folder: Path) -> str:
    """Run every job of a plan under one parent run, which is FINISHED only if all of them are; return its id.

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
        conclude(plan, parent, runs, journal)
        parent.complete = runs.complete
    return parent.run_id


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


def conclude(plan: Plan, parent: Parent, runs: Executor, journal: Journal) -> None:
    """Confirm and register the winner, and compare the runs, as configured."""
    first = plan.jobs[0].config
    if parent.store is None:
        return
    if first.registry.promote == "auto":
        parent.metrics |= _winners(parent.store, plan, parent.run_id, runs.run)
    if first.sweep.report == "auto" and not all(run.error for run in journal.ended()):
        _report(parent.store, parent.run_id)


def _winners(
    store: Store, plan: Plan, parent: str, launch: Callable[[Sequence[Job], str], object]
) -> dict[str, float]:
    """Confirm, register and print the winners; return the parent run's metrics."""
    from qsweep.runs.sweep.confirmation import winners  # pandas is slow to import

    found = winners(store, plan, parent, launch)
    metrics: dict[str, float] = {}
    for winner in found:
        click.echo(winner)
        metrics |= winner.metrics(f"confirm/{winner.env_id}" if len(found) > 1 else "confirm")
    return metrics


def _report(store: Store, parent: str) -> None:
    """Attach the report to the parent run and print its verdict and address."""
    from qsweep.report.attachment import attach  # matplotlib is slow to import

    with bar("comparing the runs") as shown:
        shown.add_task("report", total=None)
        summary = attach(store, parent)
    click.echo(summary)


@contextmanager
def stopping_runs(journal: Journal) -> Iterator[None]:
    """On SIGINT or SIGTERM wait for the running runs to end, then raise Interrupted."""

    def stop(signum: int, _: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a second Ctrl-C does not wait
        journal.stop()
        deadline = time.monotonic() + GRACE_SECONDS
        while journal.running() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        raise Interrupted(signum)

    before = {signum: signal.signal(signum, stop) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
