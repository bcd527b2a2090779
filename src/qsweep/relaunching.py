"""What a launch finds of an earlier one of the same multirun, and what it therefore runs."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from qsweep.config import Config, Tracking, config_hash
from qsweep.liveness import is_alive, last_heard, owner_of
from qsweep.tracking.inventory import DAMAGED, every_experiment
from qsweep.tracking.provenance import code
from qsweep.tracking.store import Store, literal
from qsweep.unfinished import all_left, left_by

QUIET_SECONDS = 600.0
"""A run on another machine that was not heard of for so long is dead."""
PAGE = 1000

Rerun = Literal["code", "all", "failed", "never"]


@dataclass(frozen=True)
class Earlier:
    """A run of an earlier launch.

    code: of what it was run with. alive: whether a process has it in hand. goes_on: whether it left
    something on this machine from which it can, as it is to be recorded, and qsweep doctor has found none of
    its files damaged.
    """

    run_id: str
    name: str
    config: str
    status: str
    code: str
    alive: bool
    goes_on: bool

    @property
    def finished(self) -> bool:
        """Whether it came to its end."""
        return self.status == "FINISHED"


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
        if run.goes_on and run.code == now and not run.finished and rerun != "all":
            return Decision("go on", run.run_id, _others(earlier, run))
    return Decision("run", replaced=tuple(run.run_id for run in earlier))


def _is_kept(run: Earlier, rerun: Rerun, now: str) -> bool:
    match rerun:
        case "all":
            return False
        case "code":
            return run.finished and run.code == now
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
    client, found = store.client, dict[str, list[Earlier]]()
    experiments = [experiment.experiment_id for experiment in every_experiment(store)]
    token, where = None, f"tags.`mlflow.parentRunId` = {literal(parent)}"
    while True:
        page = client.search_runs(experiments, where, max_results=PAGE, page_token=token)
        for run in page:
            tags = run.data.tags
            if tags.get("qsweep.sweep") == sweep and "qsweep.config" in tags:
                found.setdefault(tags["qsweep.config"], []).append(_earlier(run, tracking))
        token = page.token
        if not token:
            return found


def _earlier(run: Any, tracking: Tracking) -> Earlier:
    tags = run.data.tags
    return Earlier(
        run_id=run.info.run_id,
        name=run.info.run_name,
        config=tags["qsweep.config"],
        status=run.info.status,
        code=tags.get("qsweep.code", ""),
        alive=run.info.status == "RUNNING" and lives(tags, run.info.start_time),
        goes_on=_fits(run, tracking) and left_by(run.info.run_id).episodes > 0,
    )


def _fits(run: Any, tracking: Tracking) -> bool:
    """Whether what comes next belongs to what a run has: its files are sound, its curves as thin."""
    thin = run.data.params.get("tracking.max_points") == str(tracking.max_points)
    return thin and DAMAGED not in run.data.tags


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
    return time.time() - (last_heard(tags) or started / 1000) < QUIET_SECONDS


def parent_of(store: Store, experiment: str, tags: Mapping[str, str]) -> Any | None:
    """The latest run of an experiment that has all of some tags, or None.

    Where there is none, as at most launches, the tables say so; to import MLflow takes seconds.
    """
    if store.tables is not None:
        run_id = store.tables.latest_tagged(experiment, tags)
        return store.client.get_run(run_id) if run_id else None
    found = store.client.get_experiment_by_name(experiment)
    if found is None:
        return None
    where = " and ".join(f"tags.`{key}` = {literal(value)}" for key, value in tags.items())
    runs = store.client.search_runs([found.experiment_id], where, order_by=["start_time DESC"], max_results=1)
    return runs[0] if runs else None


def interrupted_run(store: Store, config: Config, name: str) -> str:
    """The id of a run of this folder that was interrupted and can go on, of one config and name; or none.

    It stands alone, in the experiment that is asked for, is of the same code and not damaged, and no process
    has it in hand.
    """
    experiment = store.client.get_experiment_by_name(config.tracking.experiment or config.env.id)
    asked = (config_hash(config), code())
    for left in all_left():
        if experiment is None or (left.config, left.code) != asked:
            continue
        where = f"attributes.run_id = {literal(left.run_id)}"
        for run in store.client.search_runs([experiment.experiment_id], where):
            alone = "mlflow.parentRunId" not in run.data.tags and _fits(run, config.tracking)
            in_hand = run.info.status == "RUNNING" and lives(run.data.tags, run.info.start_time)
            if alone and run.info.run_name == name and not in_hand:
                return left.run_id
    return ""
