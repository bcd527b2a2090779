"""A multirun: a parent run, its children through any Hydra launcher, progress, and an honest end."""

from __future__ import annotations

import json
import shlex
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click
from hydra.core.hydra_config import HydraConfig
from hydra.plugins.launcher import Launcher
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from qsweep.composition import Job, Plan
from qsweep.interrupts import Interrupted
from qsweep.jobs import Jobs
from qsweep.overrides import quoted
from qsweep.progress import RunProgress, Silent, bar
from qsweep.resolution import resolve
from qsweep.runner import Outcome, run
from qsweep.tracking import RunRecord, Status, tracker
from qsweep.tracking.provenance import provenance

POLL_SECONDS = 0.25
GRACE_SECONDS = 10.0
"""How long the runs in hand may take to put away what they have when a sweep is interrupted."""


class JobStopped(Exception):
    """A run of a sweep that was asked to stop."""


def run_job(config: DictConfig) -> Outcome:
    """One run, as Hydra calls it: alone, or as a job of a multirun."""
    resolved = resolve(_plain(config))
    hydra = HydraConfig.get()
    lines = [*hydra.overrides.task]
    name = resolved.tracking.name or f"seed={resolved.seed}"
    if hydra.mode != RunMode.MULTIRUN:
        with RunProgress(resolved.episodes, resolved.window) as progress:
            return run(resolved, name, command(lines), progress)
    jobs, number = Jobs(Path(hydra.sweep.dir)), int(hydra.job.num)
    if jobs.stopped:
        raise JobStopped("the sweep was interrupted before this run began")
    jobs.start(number)
    outcome, error = None, "ended without a word"
    try:
        outcome, error = run(resolved, name, command(lines), Silent()), ""
    except KeyboardInterrupt as interrupt:
        error = f"stopped by {interrupt}"
        jobs.stop()
        raise JobStopped(error) from interrupt
    except Exception as failure:
        error = f"{type(failure).__name__}: {failure}"
        raise
    finally:
        jobs.end(number, outcome, error)
    return outcome


def _plain(config: DictConfig) -> dict[str, Any]:
    values = OmegaConf.to_container(config, resolve=True)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def command(lines: Sequence[str]) -> str:
    """What a user types to run a job again, alone."""
    own = ("tracking.parent=", "tracking.name=", "sweep.name=")
    return shlex.join(["qsweep", "train", *(line for line in lines if not line.startswith(own))])


def sweep(plan: Plan, launcher: Launcher, folder: str) -> list[Any]:
    """Launch every job of a plan under one parent run, which ends as its runs did.

    Then the winner is confirmed and registered, unless that is switched off. Returns what the
    launcher returned. Raises Interrupted on SIGINT or SIGTERM, once the runs in hand have put away
    what they have.
    """
    jobs = Jobs(Path(folder))
    with _interrupts(jobs):
        return _sweep(plan, launcher, jobs)


def _sweep(plan: Plan, launcher: Launcher, jobs: Jobs) -> list[Any]:
    first = plan.jobs[0].config
    recording = tracker(first.tracking.uri)
    parent = recording.open(_parent_record(plan))
    returned: list[Any] = []
    metrics: dict[str, float] = {}
    status: Status = "FAILED"

    def launch(more: Sequence[Job], name: str) -> None:
        lines = [_lines(job, name, parent.run_id) for job in more]
        with _progress(name, jobs, len(returned), len(more)):
            returned.extend(launcher.launch(lines, initial_job_idx=len(returned)))
        if jobs.stopped:  # a run in this very process took the signal
            raise Interrupted(signal.SIGTERM)

    try:
        jobs.name_parent(parent.run_id)
        launch(plan.jobs, plan.name)
        if parent.run_id and first.registry.promote == "auto":
            metrics |= _winners(plan, parent.run_id, launch)
        ended = jobs.ended()
        if parent.run_id and first.sweep.report == "auto" and not all(run.error for run in ended):
            _report(parent.run_id, first.tracking.uri)
        if len(ended) == len(returned) and not any(run.error for run in ended):
            status = "FINISHED"
        return returned
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        recording.kill_running(parent.run_id)
        parent.close(status, metrics, {})


def _winners(plan: Plan, parent: str, launch: Callable[[Sequence[Job], str], None]) -> dict[str, float]:
    """Confirm, register and print the winners; returns the parent run's metrics."""
    from qsweep.winners import winners  # needs MLflow, which a sweep may not use

    found = winners(plan, parent, launch)
    metrics: dict[str, float] = {}
    for winner in found:
        click.echo(winner)
        metrics |= winner.metrics(f"confirm/{winner.env_id}" if len(found) > 1 else "confirm")
    return metrics


def _report(parent: str, uri: str) -> None:
    """Compare the runs in the parent run, and say where."""
    from qsweep.report.attaching import attach  # matplotlib is slow to import

    with bar("comparing the runs") as shown:
        shown.add_task("report", total=None)
        said = attach(parent, uri)
    click.echo(said)


def _parent_record(plan: Plan) -> RunRecord:
    first = plan.jobs[0].config
    tags = {"qsweep.sweep": plan.name, "qsweep.varied": json.dumps(plan.varied), **provenance()}
    return RunRecord(plan.name, first.tracking.experiment or first.env.id, {}, tags)


def _lines(job: Job, sweep_name: str, parent: str) -> list[str]:
    own = {"sweep.name": sweep_name, "tracking.name": job.name}
    if parent:
        own["tracking.parent"] = parent
    return [*job.overrides, *(f"{key}={quoted(value)}" for key, value in own.items())]


@contextmanager
def _interrupts(jobs: Jobs) -> Iterator[None]:
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


@contextmanager
def _progress(name: str, jobs: Jobs, before: int, total: int) -> Iterator[None]:
    """A live line of runs done, runs in all and the time that is left."""
    done = threading.Event()
    with bar("{task.completed:.0f} of {task.total:.0f} runs") as shown:
        line = shown.add_task(f"sweep {name}", total=total)

        def watch() -> None:
            while not done.wait(POLL_SECONDS):
                shown.update(line, completed=jobs.count_ended() - before)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
