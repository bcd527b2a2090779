"""Reading runs directly from MLflow's tables: importing MLflow takes longer than training."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from qsweep.tracking.stored_run import StoredRun
from qsweep.tracking.tables.database import Database


def experiments(database: Database, deleted: bool = False) -> dict[str, str]:
    """Return the names of the experiments by id, latest first. deleted: include deleted ones."""
    active = "" if deleted else " AND lifecycle_stage = 'active'"
    rows = database.read(
        f"SELECT experiment_id, name FROM experiments WHERE workspace = 'default'{active}"  # noqa: S608
        " ORDER BY creation_time DESC, experiment_id"
    )
    return {str(number): name for number, name in rows}


def runs(
    database: Database,
    of: Mapping[str, str],
    tags: Mapping[str, str] | None = None,
    status: str | None = None,
    deleted: bool = False,
) -> list[StoredRun]:
    """Return the runs of experiments that have these tags, latest first.

    of: the experiments' names by id. status: only runs with this status. deleted: include deleted ones.
    """
    if not of:
        return []
    numbers = ", ".join(str(int(key)) for key in of)
    where = f"experiment_id IN ({numbers})"
    given: list[str] = []
    if not deleted:
        where += " AND lifecycle_stage = 'active'"
    if status:
        where += " AND status = ?"
        given.append(status)
    for tag in (tags or {}).items():
        where += " AND run_uuid IN (SELECT run_uuid FROM tags WHERE key = ? AND value = ?)"
        given += tag
    return _read(database, where, given)


def find_run(database: Database, run_id: str) -> StoredRun | None:
    """Return a run, even if it is deleted; None if there is none."""
    found = _read(database, "run_uuid = ?", [run_id])
    return found[0] if found else None


def _read(database: Database, where: str, given: Sequence[str]) -> list[StoredRun]:
    found = database.read(
        "SELECT run_uuid, name, (SELECT name FROM experiments WHERE experiment_id = runs.experiment_id),"  # noqa: S608
        " CAST(experiment_id AS TEXT), status, start_time, artifact_uri, end_time, lifecycle_stage FROM runs"
        f" WHERE {where} ORDER BY start_time DESC, run_uuid",
        given,
    )
    if not found:
        return []
    params, tags = (
        _by_run(database, f"SELECT run_uuid, key, value FROM {table}", where, given)  # noqa: S608
        for table in ("params", "tags")
    )
    metrics = "SELECT run_uuid, key, CASE WHEN is_nan THEN NULL ELSE value END FROM latest_metrics"
    values = _by_run(database, metrics, where, given)
    read: list[StoredRun] = []
    for run_id, name, experiment, number, status, started, artifacts, ended, stage in found:
        last = {key: math.nan if value is None else value for key, value in values[run_id].items()}
        of_run = (params[run_id], tags[run_id], last, ended, stage != "active")
        read.append(StoredRun(run_id, name, experiment, number, status, started, artifacts, *of_run))
    return read


def _by_run(database: Database, select: str, where: str, given: Sequence[str]) -> Any:
    """Return {run id: {key: value}} of the rows of a SELECT whose runs satisfy a condition."""
    chosen = f"{select} WHERE run_uuid IN (SELECT run_uuid FROM runs WHERE {where})"  # noqa: S608
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for run_id, key, value in database.read(chosen, given):
        found[run_id][key] = value
    return found
