"""Runs of earlier launches of a multirun, and the decision what to run, keep or resume."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from qsweep.config import Tracking
from qsweep.system.liveness import QUIET_SECONDS, is_alive, last_heartbeat, owner_of
from qsweep.tracking import run_search
from qsweep.tracking.completeness import missing_files
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import CONFIG, DAMAGED, PARENT, SWEEP, StoredRun
from qsweep.tracking.unfinished import progress_of

Rerun = Literal["code", "all", "failed", "never"]


@dataclass(frozen=True)
class Earlier:
    """A run of an earlier launch.

    alive: whether a process executes it. resumable: whether it saved a checkpoint on this machine that fits
    the requested recording, and qsweep doctor has found none of its files damaged. complete: whether its
    files are there.
    """

    run: StoredRun
    alive: bool
    resumable: bool
    complete: bool = True

    @property
    def finished(self) -> bool:
        """True if it has finished, and its files are there."""
        return self.run.status == "FINISHED" and self.complete


@dataclass(frozen=True)
class Decision:
    """The decision on one run of a plan.

    run_id: of the run that is kept, awaited in another process, or resumed. replaced: runs to discard in
    its favour.
    """

    does: Literal["keep", "wait", "resume", "run"]
    run_id: str = ""
    replaced: tuple[str, ...] = ()


def decide(earlier: Sequence[Earlier], rerun: Rerun, now: str) -> Decision:
    """Decide on a config, given its earlier runs, the latest first.

    rerun: as `sweep.rerun` in conf/train.yaml. now: the current code.
    """
    for each in earlier:
        if each.alive:
            return Decision("wait", each.run.run_id)
    kept = sorted((run for run in earlier if _is_kept(run, rerun, now)), key=lambda run: not run.finished)
    if kept:
        return Decision("keep", kept[0].run.run_id, _others(earlier, kept[0]))
    for each in earlier:
        if each.resumable and each.run.code == now and not each.finished and rerun != "all":
            return Decision("resume", each.run.run_id, _others(earlier, each))
    return Decision("run", replaced=_others(earlier, None))


def _is_kept(run: Earlier, rerun: Rerun, now: str) -> bool:
    if rerun == "code":
        return run.finished and run.run.code == now
    return rerun == "never" or (rerun == "failed" and run.finished)


def _others(earlier: Sequence[Earlier], chosen: Earlier | None) -> tuple[str, ...]:
    return tuple(each.run.run_id for each in earlier if each is not chosen)


def earlier_runs(store: Store, parent: str, sweep: str, tracking: Tracking) -> dict[str, list[Earlier]]:
    """Return config hash -> runs of a sweep under a parent run, the latest first.

    tracking: how resumed runs would be recorded.
    """
    found: dict[str, list[Earlier]] = {}
    for run in run_search.runs(store, run_search.experiments(store), {PARENT: parent, SWEEP: sweep}):
        if run.trained:
            found.setdefault(run.tags[CONFIG], []).append(as_earlier(store, run, tracking))
    return found


def as_earlier(store: Store, run: StoredRun, tracking: Tracking) -> Earlier:
    """Return a run with what decides whether it is kept or resumed; tracking: as for `earlier_runs`."""
    resumable = _fits(run, tracking) and progress_of(run.run_id).episodes > 0
    return Earlier(run, is_running(run), resumable, not missing_files(store, run))


def _fits(run: StoredRun, tracking: Tracking) -> bool:
    """Return whether a run can be resumed: undamaged files, the same resolution of curves."""
    thin = run.params.get("tracking.max_points") == str(tracking.max_points)
    return thin and DAMAGED not in run.tags


def is_running(run: StoredRun) -> bool:
    """Return whether a process is executing a run."""
    owner = owner_of(run.tags)
    if run.status != "RUNNING" or owner is None:
        return False
    known = is_alive(owner)
    if known is not None:
        return known
    if owner.host == socket.gethostname():  # of another folder: a process with its pid runs
        return True
    return time.time() - (last_heartbeat(run.tags) or run.started / 1000) < QUIET_SECONDS


def parent_of(store: Store, experiment: str, tags: Mapping[str, str]) -> StoredRun | None:
    """Return the parent run of an experiment's earlier multirun with these tags, or None.

    It is the latest one with all the tags; else one that was deleted, or has lost some of the tags, while
    runs of the sweep are still nested under it.
    """
    named = _named(store, experiment)
    found = next(iter(run_search.runs(store, named, tags)), None)
    return found or _lost_parent(store, named, tags)


def _lost_parent(store: Store, named: Mapping[str, str], tags: Mapping[str, str]) -> StoredRun | None:
    of_sweep = {SWEEP: tags.get(SWEEP, "")}
    children = (run for run in run_search.runs(store, named, of_sweep) if run.trained)
    for run_id in dict.fromkeys(run.parent for run in children if run.parent):
        with suppress(OSError):  # there is no such run
            parent = run_search.run_of(store, run_id)
            if not parent.trained and all(
                parent.tags.get(key, value) == value for key, value in tags.items()
            ):
                return parent
    return None


def _named(store: Store, experiment: str) -> dict[str, str]:
    """Return id -> name of the experiment with this name; empty if there is none."""
    return {key: name for key, name in run_search.experiments(store).items() if name == experiment}
