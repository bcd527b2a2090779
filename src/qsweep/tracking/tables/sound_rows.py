"""Rows of MLflow's tables as runs. SQLite takes any type in any column, and others write there too."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from qsweep.system.notices import left_out
from qsweep.tracking.stored_run import StoredRun

STATUSES = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")
LAST_MS = 9_223_372_036_854
"""The last moment that pandas takes, in the year 2262, in ms since 1970."""


def sound_runs(
    rows: Iterable[Sequence[Any]],
    values: Callable[[str], tuple[dict[str, Any], dict[str, Any], dict[str, Any]]],
) -> list[StoredRun]:
    """Return the rows that make a run, each with the values that are sound; name the others once.

    rows: run_uuid, name, experiment, its id, status, start_time, artifact_uri, end_time, lifecycle_stage.
    values: returns the params, tags and metrics of a run by its id, in this order.
    """
    runs: list[StoredRun] = []
    odd: list[str] = []
    for run_id, name, experiment, number, status, started, artifacts, ended, stage in rows:
        if wrong := what_is_wrong(run_id, experiment, status, started):
            odd.append(f"run {run_id}: {wrong}")
            continue
        params, tags, metrics = (dict(some) for some in values(run_id))
        for kind, some, accepts in (
            ("param", params, _text),
            ("tag", tags, _text),
            ("metric", metrics, _number),
        ):
            wrong_keys = [key for key, value in some.items() if not (_text(key) and accepts(value))]
            odd += [f"run {run_id}: its {kind} {key} is {some.pop(key)!r:.50}" for key in wrong_keys]
        numbers = {key: math.nan if value is None else float(value) for key, value in metrics.items()}
        name = "" if name is None else str(name)
        place = artifacts if isinstance(artifacts, str) else ""
        end = ended if _moment(ended) else None
        of_run = (params, tags, numbers, end, stage != "active")
        runs.append(StoredRun(run_id, name, experiment, number, status, started, place, *of_run))
    left_out(odd)
    return runs


def what_is_wrong(run_id: Any, experiment: Any, status: Any, started: Any) -> str:
    """Return what is wrong with a run's row; empty if nothing is."""
    if not _text(run_id):
        return "its id is no text"
    if not _text(experiment):
        return "its experiment does not exist"
    if status not in STATUSES:
        return f"its status is {status!r:.50}"
    return "" if _moment(started) else f"its start_time is {started!r:.50}"


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _number(value: Any) -> bool:
    return value is None or isinstance(value, int | float)


def _moment(value: Any) -> bool:
    return isinstance(value, int) and 0 <= value <= LAST_MS
