"""Runs found by their tags or id: in a store's tables where those are at hand, else by MLflow's client.

MLflow takes longer to import than the tables to read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from qsweep.tracking.inventory import every_experiment
from qsweep.tracking.store import Store, literal
from qsweep.tracking.tables import run_rows
from qsweep.tracking.tables.run_rows import StoredRun

PAGE = 1000


def experiments(store: Store) -> Mapping[str, str]:
    """The names of the experiments in a store, by id, without deleted ones."""
    if store.tables is None:
        found = every_experiment(store)
        return {each.experiment_id: each.name for each in found if each.lifecycle_stage == "active"}
    return run_rows.experiments(store.tables.database)


def runs(store: Store, of: Mapping[str, str], tags: Mapping[str, str] | None = None) -> list[StoredRun]:
    """The runs of experiments that carry tags with these values, without deleted ones, the latest first.

    of: the experiments' names, by id.
    """
    if store.tables is None:
        return list(_from_client(store, of, tags or {}))
    return run_rows.runs(store.tables.database, of, tags)


def run_of(store: Store, run_id: str) -> StoredRun:
    """The run of an id. Raises MlflowException where there is none."""
    found = run_rows.find_run(store.tables.database, run_id) if store.tables else None
    if found:
        return found
    run = store.client.get_run(run_id)
    return StoredRun.of(run, store.client.get_experiment(run.info.experiment_id).name)


def _from_client(store: Store, of: Mapping[str, str], tags: Mapping[str, str]) -> Iterator[StoredRun]:
    # MLflow's filters have no escapes: a value with both kinds of quotes is looked for here.
    plain = {key: value for key, value in tags.items() if not ("'" in value and '"' in value)}
    where = " and ".join(f"tags.`{key}` = {literal(value)}" for key, value in plain.items())
    token = None
    while of:
        page = store.client.search_runs(list(of), where, max_results=PAGE, page_token=token)
        found = (StoredRun.of(run, of[run.info.experiment_id]) for run in page)
        yield from (run for run in found if tags.items() <= run.tags.items())
        token = page.token
        if not token:
            return
