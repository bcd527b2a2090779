"""A multirun: a parent run, its children through any Hydra launcher, progress, and an honest end."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from importlib import import_module
from pathlib import Path
from types import FrameType

import click
from hydra.core.hydra_config import HydraConfig
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from qsweep.plan.composition import Job, Plan
from qsweep.runs.journal import Ended, Jobs
from qsweep.runs.parent_run import Parent, parent_run
from qsweep.runs.progress import bar
from qsweep.runs.sweep.batches import Batch, work_off
from qsweep.runs.sweep.executor import Runs
from qsweep.system.interrupts import Interrupted
from qsweep.tracking.store import Store

POLL_SECONDS = 0.25
NEEDED_BY_REPORTS = ("qsweep.report.attachment", "qsweep.report.figures")
"""Modules that take seconds to import: pandas, SciPy, matplotlib."""
GRACE_SECONDS = 10.0
"""How long the runs in hand may take to put away what they have when a sweep is interrupted."""


def run_job(config: DictConfig) -> list[Ended]:
    """A batch of runs, as Hydra calls it for each job of a multirun."""
    return work_off(Batch.decoded(config.batch), Jobs(Path(HydraConfig.get().sweep.dir)))


def sweep(plan: Plan, launcher: Launcher, folder: Path) -> None:
    """Run every job of a plan under one parent run, which ends as its runs did.

    A parent run that an earlier launch of the same multirun left is continued, and what it finished is
    kept. Then the winner is confirmed and registered, and the runs are compared, unless that is switched
    off. Raises Interrupted on SIGINT or SIGTERM, once the runs in hand have put away what they have.
    """
    jobs = Jobs(folder)
    with stopping_runs(jobs):
        _sweep(plan, launcher, jobs)


def _sweep(plan: Plan, launcher: Launcher, jobs: Jobs) -> None:
    first = plan.jobs[0].config
    with parent_run(plan) as parent:
        jobs.name_parent(parent.run_id)
        runs = Runs(parent, launcher, jobs, first)
        reported = parent.run_id and first.sweep.report == "auto"
        with report_loading(jobs.folder) if reported else nullcontext():
            runs.run(plan.jobs, plan.name)
        conclude(plan, parent, runs, jobs)
        parent.whole = runs.whole


@contextmanager
def report_loading(folder: Path, modules: Sequence[str] = NEEDED_BY_REPORTS) -> Iterator[None]:
    """While the runs of a multirun's folder train, import what its report needs, once the first has ended.

    Not before: the workers are starting then, and nobody waits for a report yet.
    """
    over, watched = threading.Event(), Jobs(folder)

    def load() -> None:
        while not watched.count_ended():
            if over.wait(POLL_SECONDS):
                return
        for module in modules:
            if not over.is_set():
                with suppress(Exception):  # whoever needs it meets it again
                    import_module(module)

    loading = threading.Thread(target=load, daemon=True)
    loading.start()
    try:
        yield
    finally:
        over.set()
        loading.join()


def conclude(plan: Plan, parent: Parent, runs: Runs, jobs: Jobs) -> None:
    """Confirm and register the winner, and compare the runs, as far as that is wanted."""
    first = plan.jobs[0].config
    if parent.store is None:
        return
    if first.registry.promote == "auto":
        parent.metrics |= _winners(parent.store, plan, parent.run_id, runs.run)
    if first.sweep.report == "auto" and not all(run.error for run in jobs.ended()):
        _report(parent.store, parent.run_id)


def _winners(
    store: Store, plan: Plan, parent: str, launch: Callable[[Sequence[Job], str], object]
) -> dict[str, float]:
    """Confirm, register and print the winners; returns the parent run's metrics."""
    from qsweep.runs.sweep.confirmation import winners  # pandas is slow to import

    found = winners(store, plan, parent, launch)
    metrics: dict[str, float] = {}
    for winner in found:
        click.echo(winner)
        metrics |= winner.metrics(f"confirm/{winner.env_id}" if len(found) > 1 else "confirm")
    return metrics


def _report(store: Store, parent: str) -> None:
    """Compare the runs in the parent run, and say where."""
    from qsweep.report.attachment import attach  # matplotlib is slow to import

    with bar("comparing the runs") as shown:
        shown.add_task("report", total=None)
        said = attach(store, parent)
    click.echo(said)


@contextmanager
def stopping_runs(jobs: Jobs) -> Iterator[None]:
    """On SIGINT or SIGTERM let the runs in hand end, then raise Interrupted."""

    def stop(signum: int, _: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a second Ctrl-C does not wait
        jobs.stop()
        deadline = time.monotonic() + GRACE_SECONDS
        while jobs.running() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        raise Interrupted(signum)

    before = {signum: signal.signal(signum, stop) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
