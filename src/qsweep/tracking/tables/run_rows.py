"""Reading runs directly from MLflow's tables: importing MLflow takes longer than training."""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import NoneType
from typing import Any

from qsweep.system.notices import left_out
from qsweep.tracking.stored_run import Keys, StoredRun
from qsweep.tracking.tables.database import Database
from qsweep.tracking.tables.sound_rows import sound_runs

Columns = dict[str, list[Any]]
"""Name -> values."""
AT_ONCE = 6
"""Keys in one query: each query repeats the runs' ids, and a wide row takes memory."""
KINDS = {"params": "param", "tags": "tag", "latest_metrics": "metric"}
CHUNK = 500
"""Ids in one query."""


def experiments(database: Database, deleted: bool = False) -> dict[str, str]:
    """Return the names of the experiments by id, latest first. deleted: include deleted ones."""
    active = "" if deleted else " AND lifecycle_stage = 'active'"
    rows = database.read(
        f"SELECT experiment_id, name FROM experiments WHERE workspace = 'default'{active}"  # noqa: S608
        " ORDER BY creation_time DESC, experiment_id"
    )
    left_out(
        f"experiment {number}: its name is no text" for number, name in rows if not isinstance(name, str)
    )
    return {str(number): name for number, name in rows if isinstance(name, str)}


def runs(
    database: Database,
    of: Mapping[str, str],
    tags: Mapping[str, str] | None = None,
    status: str | None = None,
    deleted: bool = False,
    only: Keys | None = None,
) -> list[StoredRun]:
    """Return the runs of experiments that have these tags, latest first.

    of: the experiments' names by id. status: only runs with this status. deleted: include deleted ones.
    only: the params, tags and metrics to read; None: all.
    """
    if not of:
        return []
    where, given = _condition(of, tags, deleted)
    if status:
        where += " AND status = ?"
        given.append(status)
    return _read(database, where, given, only)


def _condition(
    of: Mapping[str, str], tags: Mapping[str, str] | None, deleted: bool = False
) -> tuple[str, list[str]]:
    """Return a condition on `runs`, with its parameters."""
    where = f"experiment_id IN ({', '.join(str(int(key)) for key in of)})"
    given: list[str] = []
    if not deleted:
        where += " AND lifecycle_stage = 'active'"
    for tag in (tags or {}).items():
        where += " AND run_uuid IN (SELECT run_uuid FROM tags WHERE key = ? AND value = ?)"
        given += tag
    return where, given


@contextmanager
def _uncollected() -> Iterator[None]:
    """Do not look for unreachable objects: among 100,000 new rows this takes a tenth of reading them."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@_uncollected()
def columns(
    database: Database, of: Mapping[str, str], tags: Mapping[str, str] | None, only: Keys
) -> tuple[Columns, Columns, Columns]:
    """Return the runs of experiments that have these tags as columns: of runs with tags, params, metrics.

    The first has run_id, name, experiment, status, started (ms), and the tags in `only`; all are in the
    same order, latest first, with None where a run lacks a key. Values are as in the tables. Records of
    100,000 runs would take several times the time and memory.
    """
    where, given = _condition(of, tags)
    found = database.read(
        "SELECT run_uuid, name, CAST(experiment_id AS TEXT), status, start_time FROM runs"  # noqa: S608
        f" WHERE {where} ORDER BY start_time DESC, run_uuid",
        given,
    )
    names = ("run_id", "name", "experiment", "status", "started")
    table: Columns = {name: [row[n] for row in found] for n, name in enumerate(names)}
    del found
    table["experiment"] = [of[number] for number in table["experiment"]]

    def columns_of(source: str, keys: Sequence[str]) -> Columns:
        read: Columns = {}
        for first in range(0, len(keys), AT_ONCE):
            read |= _columns(database, source, keys[first : first + AT_ONCE], table["run_id"], (where, given))
        return read

    table |= columns_of("tags", only.tags)
    return table, columns_of("params", only.params), columns_of("latest_metrics", only.metrics)


def _columns(
    database: Database,
    source: str,
    keys: Sequence[str],
    places: Sequence[str],
    chosen: tuple[str, Sequence[str]],
) -> Columns:
    """Return the values of some keys; places: the ids of the runs, in order. chosen: a condition on runs."""
    value = "CASE WHEN {0}.is_nan THEN NULL ELSE {0}.value END" if source == "latest_metrics" else "{0}.value"
    names = [f"of_{number}" for number in range(len(keys))]
    query = f"SELECT id, {', '.join(map(value.format, names))}"
    query += f" FROM (SELECT run_uuid AS id FROM runs WHERE {chosen[0]}) AS chosen"  # noqa: S608
    for name in names:
        query += f" LEFT JOIN {source} AS {name} ON {name}.run_uuid = id AND {name}.key = ?"
    rows = {row[0]: row for row in database.read(query, [*chosen[1], *keys])}
    # A run that is not in places was recorded just now; one without a row was deleted.
    absent = (None,) * (len(keys) + 1)
    columns: Columns = {}
    found = [rows.get(run_id, absent) for run_id in places]
    for number, key in enumerate(keys, 1):
        values = [row[number] for row in found]
        accepted = {int, float, NoneType} if source == "latest_metrics" else {str, NoneType}
        if not {*map(type, values)} <= accepted:  # another program's
            odd = {n: value for n, value in enumerate(values) if type(value) not in accepted}
            kind = KINDS[source]
            left_out(f"run {places[n]}: its {kind} {key} is {value!r:.50}" for n, value in odd.items())
            values = [None if n in odd else value for n, value in enumerate(values)]
        same: dict[Any, Any] = {}  # equal values share their memory
        columns[key] = [*map(same.setdefault, values, values)]
    return columns


def runs_by_id(database: Database, run_ids: Sequence[str]) -> list[StoredRun]:
    """Return the runs with these ids, in their order if they are latest first."""
    found: list[StoredRun] = []
    for first in range(0, len(run_ids), CHUNK):
        asked = list(run_ids[first : first + CHUNK])
        found += _read(database, f"run_uuid IN ({', '.join('?' * len(asked))})", asked)
    return found


def params_of(database: Database, run_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the params of the runs with these ids."""
    found: dict[str, dict[str, str]] = {}
    for first in range(0, len(run_ids), CHUNK):
        asked = list(run_ids[first : first + CHUNK])
        where = f"run_uuid IN ({', '.join('?' * len(asked))})"
        found |= _by_run(database, "SELECT run_uuid, key, value FROM params", where, asked)
    return found


def matching(
    database: Database, of: Mapping[str, str], name: str | None, part: str, most: int
) -> list[StoredRun]:
    """Return the latest runs with a name, or whose id begins or ends with `part`; without both, of all.

    of: as for `runs`. Deleted runs are left out.
    """
    numbers = ", ".join(str(int(key)) for key in of)
    where, given = f"experiment_id IN ({numbers}) AND lifecycle_stage = 'active'", []
    if name is not None:
        conditions = ["name = ?", *(["run_uuid LIKE ?", "run_uuid LIKE ?"] if part else [])]
        where += f" AND ({' OR '.join(conditions)})"
        given = [name, *([f"{part}%", f"%{part}"] if part else [])]
    latest = f"SELECT run_uuid FROM runs WHERE {where} ORDER BY start_time DESC, run_uuid LIMIT {int(most)}"  # noqa: S608
    return _read(database, f"run_uuid IN ({latest})", given)


def parents(database: Database) -> dict[str, str]:
    """Return the parent of every run that has one, by the run's id; deleted runs are left out."""
    found = database.read(
        "SELECT run_uuid, value FROM tags WHERE key = ? AND run_uuid IN"
        " (SELECT run_uuid FROM runs WHERE lifecycle_stage = 'active')",
        ["mlflow.parentRunId"],
    )
    return {str(run_id): str(parent) for run_id, parent in found}


def find_run(database: Database, run_id: str) -> StoredRun | None:
    """Return a run, even if it is deleted; None if there is none."""
    found = _read(database, "run_uuid = ?", [run_id])
    return found[0] if found else None


def _read(database: Database, where: str, given: Sequence[str], only: Keys | None = None) -> list[StoredRun]:
    found = database.read(
        "SELECT run_uuid, name, (SELECT name FROM experiments WHERE experiment_id = runs.experiment_id),"  # noqa: S608
        " CAST(experiment_id AS TEXT), status, start_time, artifact_uri, end_time, lifecycle_stage FROM runs"
        f" WHERE {where} ORDER BY start_time DESC, run_uuid",
        given,
    )
    if not found:
        return []
    params, tags = (
        _by_run(database, f"SELECT run_uuid, key, value FROM {table}", where, given, keys)  # noqa: S608
        for table, keys in (("params", only.params if only else None), ("tags", only.tags if only else None))
    )
    metrics = "SELECT run_uuid, key, CASE WHEN is_nan THEN NULL ELSE value END FROM latest_metrics"
    values = _by_run(database, metrics, where, given, only.metrics if only else None)
    return sound_runs(found, lambda run_id: (params[run_id], tags[run_id], values[run_id]))


def _by_run(
    database: Database, select: str, where: str, given: Sequence[str], keys: Sequence[str] | None = None
) -> Any:
    """Return {run id: {key: value}} of the rows of a SELECT whose runs satisfy a condition.

    keys: only rows with these keys; None: all.
    """
    chosen = f"{select} WHERE run_uuid IN (SELECT run_uuid FROM runs WHERE {where})"  # noqa: S608
    if keys is not None:
        chosen += f" AND key IN ({', '.join('?' * len(keys))})"
        given = [*given, *keys]
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    rows = [] if keys == () else database.read(chosen, given)  # PostgreSQL takes no empty list
    for run_id, key, value in rows:
        found[run_id][key] = value
    return found
