"""Searching a store's runs, in its tables if they can be read directly, else through MLflow's client.

Importing MLflow takes longer than reading the tables.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from qsweep.system.liveness import HEARTBEAT, HOST, PROCESS, QUIET_SECONDS, is_alive, last_heartbeat, owner_of
from qsweep.system.notices import left_out
from qsweep.tracking.paging import EXPERIMENT, RUN, every_result
from qsweep.tracking.store import Store, literal
from qsweep.tracking.stored_run import PARENT, SUPERSEDED, Keys, StoredRun, milliseconds
from qsweep.tracking.tables import run_rows
from qsweep.tracking.tables.run_tables import RunChanges

if TYPE_CHECKING:
    from mlflow.entities import Run

LATEST = 1000
"""Maximum number of runs that `matching` returns."""


def experiments(store: Store, deleted: bool = False) -> Mapping[str, str]:
    """Return the names of a store's experiments by id. deleted: include deleted ones."""
    if store.tables is not None:
        return run_rows.experiments(store.tables.database, deleted)
    found = every_experiment(store)
    return {each.experiment_id: each.name for each in found if deleted or each.lifecycle_stage == "active"}


def renamed(store: Store, folder: str) -> Mapping[str, str]:
    """Return the names by id of a local store's experiments whose files are in a folder of this name."""
    if store.tables is None or store.database is None:
        return {}
    asked = "SELECT experiment_id, name FROM experiments WHERE artifact_location LIKE ?"
    return {str(number): str(name) for number, name in store.tables.database.read(asked, (f"%/{folder}",))}


def every_experiment(store: Store) -> Iterator[Any]:
    """Yield MLflow's records of all experiments of a store, including deleted ones."""
    return every_result(EXPERIMENT, store.client.search_experiments, view_type=_all())


def runs(
    store: Store,
    of: Mapping[str, str],
    tags: Mapping[str, str] | None = None,
    status: str | None = None,
    only: Keys | None = None,
) -> list[StoredRun]:
    """Return the runs of experiments that have these tags, latest first, without deleted ones.

    of: the experiments' names by id. status: only runs with this status. only: the params, tags and
    metrics that are needed; None: all. A server sends all of them anyway.
    """
    if store.tables is None:
        return list(_from_client(store, of, tags or {}, status))
    return run_rows.runs(store.tables.database, of, tags, status, only=only)


def every_run(store: Store, only: Keys | None = None) -> dict[str, StoredRun]:
    """Return all runs of a store by id, including parents of multiruns, other programs' and deleted runs.

    only: as for `runs`.
    """
    names = experiments(store, deleted=True)
    if store.tables is not None:
        stored = run_rows.runs(store.tables.database, names, deleted=True, only=only)
        return {run.run_id: run for run in stored}
    if not names:
        return {}
    found = every_result(RUN, store.client.search_runs, list(names), run_view_type=_all())
    return {run.run_id: run for run in _sound(found, names)}


def parents(store: Store) -> Mapping[str, str]:
    """Return the parent of every run that has one, by the run's id, without deleted runs; none of a server.

    Other runs may have been read without it: their rows are odd.
    """
    return {} if store.tables is None else run_rows.parents(store.tables.database)


def run_of(store: Store, run_id: str) -> StoredRun:
    """Return the run with an id, even if it is deleted. Raises OSError if there is none."""
    if store.tables is not None:
        found = run_rows.find_run(store.tables.database, run_id)
        if found is None:
            raise FileNotFoundError(f"no run {run_id}")
        return found
    from mlflow.exceptions import MlflowException

    try:
        run = store.client.get_run(run_id)
    except MlflowException as error:
        raise OSError(str(error)) from error
    return _stored(run, store.client.get_experiment(run.info.experiment_id).name)


def matching(store: Store, name: str | None = None, part: str = "") -> list[StoredRun]:
    """Return the runs with a name, or whose id begins or ends with `part`; without both, all runs.

    They are the latest LATEST ones, latest first, without deleted ones.
    """
    names = experiments(store)
    if not names:
        return []
    if store.tables is not None:
        return run_rows.matching(store.tables.database, names, name, part, LATEST)
    filters = [f"attributes.run_id LIKE '{like}'" for like in (f"%{part}", f"{part}%") if part]
    if name is not None and not ("'" in name and '"' in name):
        filters.append(f"attributes.run_name = {literal(name)}")
    found: dict[str, Run] = {}
    for where in filters or ([""] if name is None else []):
        newest = ["attributes.start_time DESC"]
        for run in store.client.search_runs(list(names), where, max_results=LATEST, order_by=newest):
            found[run.info.run_id] = run
    return list(_sound(found.values(), names))


def discard(store: Store, run_id: str) -> None:
    """Delete a run that a later one replaces. Another user's, which a server protects, is tagged instead."""
    from mlflow.exceptions import MlflowException

    try:
        store.client.delete_run(run_id)
    except MlflowException as error:
        if error.error_code != "PERMISSION_DENIED":
            raise
        with suppress(MlflowException):  # nor may this user write into it; the later one counts all the same
            store.client.set_tag(run_id, SUPERSEDED, "true")


def end_dead(store: Store) -> None:
    """Mark as KILLED the RUNNING runs of an SQLite store whose process on this machine has died.

    A recent heartbeat counts as life. In a store that machines share, a missing file of a process may mean
    that another one has this host's name.
    """
    if store.tables is None or store.database is None or not store.writable:
        return
    needed = Keys(tags=(HOST, PROCESS, HEARTBEAT))
    for run in runs(store, experiments(store), status="RUNNING", only=needed):
        owner = owner_of(run.tags)
        last = last_heartbeat(run.tags)
        if time.time() - last >= QUIET_SECONDS and owner is not None and is_alive(owner) is False:
            ended = int(last * 1000) or milliseconds()
            store.tables.add(run.run_id, RunChanges(status="KILLED", ended=ended))


def kill_abandoned(store: Store, parent: str) -> None:
    """Mark as KILLED the runs nested under `parent` that are RUNNING without a living process."""
    for run in runs(store, experiments(store), {PARENT: parent}, "RUNNING"):
        owner = owner_of(run.tags)
        if owner is not None and is_alive(owner):
            continue
        if store.tables is None:
            store.client.set_terminated(run.run_id, "KILLED")
        else:
            store.tables.add(run.run_id, RunChanges(status="KILLED", ended=milliseconds()))


def _from_client(
    store: Store, of: Mapping[str, str], tags: Mapping[str, str], status: str | None
) -> Iterator[StoredRun]:
    if not of:
        return
    # MLflow's filters have no escapes: values with both kinds of quotes are compared below.
    plain = {key: value for key, value in tags.items() if not ("'" in value and '"' in value)}
    conditions = [f"tags.`{key}` = {literal(value)}" for key, value in plain.items()]
    conditions += [f"attributes.status = '{status}'"] if status else []
    for run in _sound(every_result(RUN, store.client.search_runs, list(of), " and ".join(conditions)), of):
        if tags.items() <= run.tags.items():
            yield run


def _sound(found: Iterable[Run], names: Mapping[str, str]) -> Iterator[StoredRun]:
    """Yield MLflow's runs as records; name those without a start or a status."""
    for run in found:
        if run.info.start_time is None or run.info.status is None:
            left_out([f"run {run.info.run_id}: it has no start_time or no status"])
        else:
            yield _stored(run, names[run.info.experiment_id])


def _stored(run: Run, experiment: str) -> StoredRun:
    info, data = run.info, run.data
    return StoredRun(
        run_id=info.run_id,
        name=str(info.run_name),
        experiment=experiment,
        experiment_id=info.experiment_id,
        status=info.status,
        started=int(info.start_time),
        artifacts=info.artifact_uri,
        params=data.params,
        tags=data.tags,
        metrics=data.metrics,
        ended=info.end_time,
        deleted=info.lifecycle_stage != "active",
    )


def _all() -> int:
    from mlflow.entities import ViewType

    everything: int = ViewType.ALL
    return everything
