"""The progress of a sweep as its store records it."""

from __future__ import annotations

import math
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from qsweep.errors import Problem, UsageError, closest, printable
from qsweep.report.comparison.studies import SEED
from qsweep.report.comparison.variants import environment_titles, variants, with_fresh_seeds
from qsweep.report.loading.runs import frame_of
from qsweep.report.loading.selection import CONFIRM
from qsweep.report.statistics.summaries import summaries
from qsweep.runs.resume import is_running
from qsweep.system.liveness import HEARTBEAT, HOST, PROCESS
from qsweep.tracking import run_search
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import CONFIG, LAUNCHED, PARENT, PLANNED, SCORE, SWEEP, Keys, StoredRun


@dataclass(frozen=True)
class Best:
    """The variant that ranks first so far. interval: 95%, of its mean over seeds; NaN with one seed."""

    environment: str
    label: str
    mean: float
    interval: tuple[float, float]
    seeds: int


@dataclass(frozen=True)
class SweepState:
    """A sweep at one moment.

    planned: its number of runs without those on fresh seeds, None if its record does not have it; most:
    whether that is an upper bound. done, running, failed: numbers of runs, fresh seeds included; fresh: how
    many of the done ones are on fresh seeds. lost: runs marked as running whose process has died. left:
    seconds until the planned runs have ended, None if unknown. alive: whether its launcher runs.
    """

    name: str
    experiment: str
    status: str
    alive: bool
    seconds: float
    planned: int | None
    done: int
    fresh: int
    running: int
    lost: int
    failed: tuple[str, ...]
    left: float | None
    best: tuple[Best, ...]


def find_sweep(store: Store, name: str | None) -> StoredRun:
    """Return the parent run of a sweep: of that name, or the one that runs, or the latest.

    One whose process has died does not run. Raises UsageError if there is none.
    """
    named = run_search.experiments(store)
    read = Keys(tags=(CONFIG, SWEEP, HOST, PROCESS, HEARTBEAT))
    found = run_search.runs(store, named, None if name is None else {SWEEP: name}, only=read)
    parents = [run for run in found if SWEEP in run.tags and not run.trained]
    if parents:
        running = [run for run in parents if is_running(run)]
        return (running or parents)[0]
    others = run_search.runs(store, named, only=read) if name is not None else []
    known = {run.tags[SWEEP] for run in others if SWEEP in run.tags and not run.trained}
    remedy = closest(name, known) if name is not None and known else "start one with: qsweep train -m"
    raise UsageError([Problem("SWEEP", "must be the name of a sweep in this store", name, remedy)])


def sweep_state(store: Store, parent_id: str) -> SweepState:
    """Return the present state of the sweep with this parent run. Raises OSError if that was deleted."""
    parent = run_search.run_of(store, parent_id)
    runs = run_search.runs(store, run_search.experiments(store), {PARENT: parent_id})
    alive = is_running(parent)
    launched = _launched(parent)
    ends = [run.ended / 1000 for run in runs if run.ended is not None]
    until = time.time() if alive else max([*ends, (parent.ended or 0) / 1000, launched])
    by_status = {status: [run for run in runs if run.status == status] for status in ("FINISHED", "RUNNING")}
    active = [run for run in by_status["RUNNING"] if is_running(run)]
    planned = _planned(parent)
    fresh = {run.run_id for run in runs if run.tags.get(SWEEP, "").endswith(CONFIRM)}
    done = by_status["FINISHED"]
    return SweepState(
        name=printable(parent.tags[SWEEP]),
        experiment=printable(parent.experiment),
        status=parent.status,
        alive=alive,
        seconds=until - launched,
        planned=planned,
        done=len(done),
        fresh=sum(run.run_id in fresh for run in done),
        running=len(active),
        lost=len(by_status["RUNNING"]) - len(active),
        failed=tuple(printable(run.name) for run in runs if run.status in ("FAILED", "KILLED")),
        left=_left(planned, [run for run in runs if run.run_id not in fresh], launched) if alive else None,
        best=tuple(_best(frame_of(runs))),
    )


def _launched(parent: StoredRun) -> float:
    try:
        return float(parent.tags[LAUNCHED])
    except (KeyError, ValueError):  # of an earlier version, or written by another program
        return parent.started / 1000


def _planned(parent: StoredRun) -> int | None:
    text = parent.tags.get(PLANNED, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _left(planned: int | None, runs: Sequence[StoredRun], launched: float) -> float | None:
    """Return the seconds that the other runs take at the rate of this launch, None if it is unknown."""
    if planned is None:
        return None
    ended = [run for run in runs if run.status != "RUNNING"]  # a resumed one has an end, too
    recent = sum(run.ended is not None and run.ended / 1000 >= launched for run in ended)
    rest = max(planned - len(ended), 0)
    return rest * (time.time() - launched) / recent if recent else None


def _best(runs: pd.DataFrame) -> Iterator[Best]:
    """Yield the leading variant of each environment that has a score."""
    if runs.empty or SCORE not in runs:
        return
    groups = [group for _, group in runs.groupby("environment", dropna=False, sort=False)]
    for group, title in zip(groups, environment_titles(groups), strict=True):
        ranked = variants(group)
        if len(ranked):
            yield _leader(group, ranked.iloc[0].to_dict(), title)


def _leader(runs: pd.DataFrame, row: Mapping[Hashable, Any], environment: str) -> Best:
    counted = with_fresh_seeds(runs)
    scores = counted[counted["variant"] == row["variant"]][SCORE].to_numpy(np.float64)
    [summary] = summaries([scores], np.random.default_rng(SEED))
    interval = summary.interval if len(scores) > 1 else (math.nan, math.nan)
    return Best(environment, str(row["label"]), summary.mean, interval, len(scores))
