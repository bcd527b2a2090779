"""What a launch finds of an earlier one of the same multirun, and what it therefore runs."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from qsweep.config import Config, Tracking, config_hash
from qsweep.system.liveness import is_alive, last_heartbeat, owner_of
from qsweep.tracking import run_search
from qsweep.tracking.provenance import code
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import CONFIG, DAMAGED, PARENT, SWEEP, StoredRun
from qsweep.tracking.unfinished import all_progress, progress_of

QUIET_SECONDS = 600.0
"""A run on another machine that was not heard of for so long is dead."""

Rerun = Literal["code", "all", "failed", "never"]


@dataclass(frozen=True)
class Earlier:
    """A run of an earlier launch.

    alive: whether a process executes it. goes_on: whether it left something on this machine from which it
    can, as it is to be recorded, and qsweep doctor has found none of its files damaged.
    """

    run: StoredRun
    alive: bool
    goes_on: bool

    @property
    def run_id(self) -> str:
        """Its id in the store."""
        return self.run.run_id

    @property
    def finished(self) -> bool:
        """Whether it came to its end."""
        return self.run.status == "FINISHED"


@dataclass(frozen=True)
class Decision:
    """What becomes of one run of a plan.

    run_id: of the run that is kept, is in another process's hands, or goes on. replaced: the runs that
    then are in the way.
    """

    does: Literal["keep", "wait", "go on", "run"]
    run_id: str = ""
    replaced: tuple[str, ...] = ()


def decide(earlier: Sequence[Earlier], rerun: Rerun, now: str) -> Decision:
    """What to do about a config that has been run so often before; the latest first.

    rerun: as `sweep.rerun` in conf/train.yaml. now: the code that would run it.
    """
    for run in earlier:
        if run.alive:
            return Decision("wait", run.run_id)
    kept = sorted((run for run in earlier if _is_kept(run, rerun, now)), key=lambda run: not run.finished)
    if kept:
        return Decision("keep", kept[0].run_id, _others(earlier, kept[0]))
    for run in earlier:
        if run.goes_on and run.run.code == now and not run.finished and rerun != "all":
            return Decision("go on", run.run_id, _others(earlier, run))
    return Decision("run", replaced=tuple(run.run_id for run in earlier))


def _is_kept(run: Earlier, rerun: Rerun, now: str) -> bool:
    match rerun:
        case "all":
            return False
        case "code":
            return run.finished and run.run.code == now
        case "failed":
            return run.finished
        case "never":
            return True


def _others(earlier: Sequence[Earlier], chosen: Earlier) -> tuple[str, ...]:
    return tuple(run.run_id for run in earlier if run is not chosen)


def earlier_runs(store: Store, parent: str, sweep: str, tracking: Tracking) -> dict[str, list[Earlier]]:
    """The runs of a sweep under a parent run by the hash of their config, the latest first.

    tracking: how those that are to go on would be recorded.
    """
    found: dict[str, list[Earlier]] = {}
    for run in run_search.runs(store, run_search.experiments(store), {PARENT: parent, SWEEP: sweep}):
        if run.trained:
            resumable = _fits(run, tracking) and progress_of(run.run_id).episodes > 0
            found.setdefault(run.tags[CONFIG], []).append(Earlier(run, in_hand(run), resumable))
    return found


def _fits(run: StoredRun, tracking: Tracking) -> bool:
    """Whether what comes next belongs to what a run has: its files are sound, its curves as thin."""
    thin = run.params.get("tracking.max_points") == str(tracking.max_points)
    return thin and DAMAGED not in run.tags


def in_hand(run: StoredRun) -> bool:
    """Whether a process has a run in hand."""
    return run.status == "RUNNING" and lives(run.tags, run.started)


def lives(tags: Mapping[str, str], started: int) -> bool:
    """Whether a process has a run in hand, by the run's tags and its start in milliseconds."""
    owner = owner_of(tags)
    if owner is None:
        return False
    known = is_alive(owner)
    if known is not None:
        return known
    if owner.host == socket.gethostname():  # of another folder here: a process of its number runs
        return True
    return time.time() - (last_heartbeat(tags) or started / 1000) < QUIET_SECONDS


def parent_of(store: Store, experiment: str, tags: Mapping[str, str]) -> StoredRun | None:
    """The latest run of an experiment that has all of some tags, or None."""
    return next(iter(run_search.runs(store, _named(store, experiment), tags)), None)


def interrupted_run(store: Store, config: Config, name: str) -> str:
    """The id of a run of this folder that was interrupted and can go on, of one config and name; or none.

    It stands alone, in the experiment that is asked for, is of the same code and not damaged, and no process
    has it in hand.
    """
    asked = (config_hash(config), code())
    of_this = {left.run_id for left in all_progress() if (left.config, left.code) == asked}
    if not of_this:
        return ""
    experiment = _named(store, config.tracking.experiment or config.env.id)
    for run in run_search.runs(store, experiment, {CONFIG: asked[0]}):
        alone = not run.parent and _fits(run, config.tracking)
        if run.run_id in of_this and alone and run.name == name and not in_hand(run):
            return run.run_id
    return ""


def _named(store: Store, experiment: str) -> dict[str, str]:
    """The experiment of a name, by its id, if there is one."""
    return {key: name for key, name in run_search.experiments(store).items() if name == experiment}
