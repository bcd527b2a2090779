"""The run under which a multirun's runs are nested: new, or continued from an earlier launch."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import click
from filelock import FileLock

from qsweep.errors import Problem, UsageError
from qsweep.plan.composition import Plan
from qsweep.runs.resume import is_running, parent_of
from qsweep.system.liveness import announce, owner_of
from qsweep.system.start_folder import start_folder
from qsweep.tracking import RunLog, RunRecord, Status, run_search, tracker
from qsweep.tracking.places import experiment_folder
from qsweep.tracking.provenance import own_tags, provenance
from qsweep.tracking.run_search import kill_abandoned
from qsweep.tracking.store import Store, open_tracked
from qsweep.tracking.stored_run import LAUNCHED, PLANNED
from qsweep.tracking.tables.database import DatabaseError
from qsweep.tracking.users import USER, user_of

LOCK = Path("multirun") / ".parents.lock"


@dataclass
class Parent:
    """A parent run while it is open. earlier: whether it has runs of an earlier launch.

    store: None if nothing is recorded. metrics: recorded at its end. complete: set once all its runs have
    finished; otherwise it ends FAILED.
    """

    run_id: str
    earlier: bool
    store: Store | None
    metrics: dict[str, float] = field(default_factory=dict)
    complete: bool = False


@contextmanager
def parent_run(plan: Plan, most: int = 0) -> Iterator[Parent]:
    """Open the parent run of a plan; it ends FINISHED if complete, KILLED on an interrupt, else FAILED.

    most: the largest number of runs of a search, whose plan does not hold them. Raises UsageError if another
    process is running the same multirun.
    """
    store = open_tracked(plan.jobs[0].config.tracking.uri)
    log, earlier = _opened(plan, most or len(plan.jobs), store)
    parent = Parent(log.run_id, earlier, store)
    status: Status = "FAILED"
    try:
        yield parent
        status = "FINISHED" if parent.complete else "FAILED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        with suppress(*([DatabaseError] if status == "FAILED" else [])):  # each failed run says why
            if store is not None:
                kill_abandoned(store, parent.run_id)
            log.close(status, parent.metrics, {})


def _opened(plan: Plan, runs: int, store: Store | None) -> tuple[RunLog, bool]:
    recording, record = tracker(store), _record(plan, runs)
    if store is None:
        return recording.open(record), False
    lock = start_folder() / LOCK
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):  # of two simultaneous launches, the second finds the first's
        found = parent_of(store, record.experiment, same_sweep(plan))
        if found is None:
            _tell_of_renamed(store, record.experiment, same_sweep(plan))
            return recording.open(record), False
        if found.deleted:
            click.echo(f"the parent run {found} was deleted; it is restored, as its runs are kept", err=True)
            store.client.restore_run(found.run_id)
        if is_running(found):
            raise UsageError([_already_running(plan, found.tags)])
        return recording.reopen(found.run_id, record), True


def _tell_of_renamed(store: Store, experiment: str, tags: Mapping[str, str]) -> None:
    """Say that an earlier launch is in the experiment that had this name, which was renamed since."""
    if store.artifacts is None:
        return
    folder = experiment_folder(store.artifacts, experiment).name
    for number, name in run_search.renamed(store, folder).items():
        if name != experiment and run_search.runs(store, {number: name}, tags):
            say = f"to continue it there: tracking.experiment={name}"
            click.echo(
                f"an earlier launch of this sweep is in the renamed experiment {name}; {say}", err=True
            )


def _already_running(plan: Plan, tags: Mapping[str, str]) -> Problem:
    owner = owner_of(tags)
    assert owner is not None
    process = owner.process.partition("-")[0]
    remedy = f"wait for process {process} on {owner.host}, or use another sweep.name"
    return Problem("sweep", "is already running", plan.name, remedy)


def same_sweep(plan: Plan) -> dict[str, str]:
    """Return the tags that identify a multirun's parent run in every launch of it."""
    return {
        "qsweep.sweep": plan.name,
        "qsweep.varied": json.dumps(plan.varied),
        "qsweep.fixed": plan.fixed,
        USER: user_of(plan.jobs[0].config.tracking.uri, plan.jobs[0].config.tracking.user),
    }


def _record(plan: Plan, runs: int) -> RunRecord:
    first = plan.jobs[0].config
    progress = {PLANNED: str(runs), LAUNCHED: str(int(time.time()))}
    tags = {**own_tags(first.tracking), **same_sweep(plan), **progress, **provenance()}
    if first.tracking.uri != "none":
        tags |= announce().tags
    return RunRecord(plan.name, first.tracking.experiment or first.env.id, {}, tags)
