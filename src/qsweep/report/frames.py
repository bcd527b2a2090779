"""Runs as pandas frames."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pandas as pd

from qsweep.problems import Problem, UsageError, closest
from qsweep.reading import printable
from qsweep.tracking import RunRecord
from qsweep.tracking.store import Store, literal, open_store

PAGE = 1000
SWEEP = "qsweep.sweep"
IDENTITY = ("run_id", "started", "name", "experiment", "status", "sweep", "variant", "config", "environment")
"""The first columns of a frame of runs, which every one has."""
ORIGIN = (
    "command",
    "standard",
    "version",
    "git_commit",
    "git_dirty",
    "packages",
    "python",
    "platform",
    "qtable_sha256",
)
"""Columns that say where a run comes from; each is the tag `qsweep.` and its name, as text."""
PLACE = ("experiment_id", "artifacts")


def load_runs(name: str | None = None, uri: str = "local") -> pd.DataFrame:
    """The runs of an experiment or sweep, or of the whole store: one row a run, the latest first.

    Columns: run_id, started (UTC), name, experiment, status, sweep; variant, config and environment,
    hashes that runs share if they agree in that; those of ORIGIN; experiment_id, and artifacts, the URI
    where they lie; every param under its key (numbers as
    numbers); the last value of every metric under its name. What a run lacks is missing (NaN or None).
    No histories are read: for those there is `load_curves`. Parent runs are left out.
    Raises UsageError where there is no store or nothing of that name.
    """
    store = open_store(uri, create=False)
    return _frame(_rows(store, name))


def children(parent: str, uri: str) -> pd.DataFrame:
    """The runs nested under a parent run, as `load_runs` gives them."""
    store = open_store(uri, create=False)
    names = {e.experiment_id: e.name for e in store.client.search_experiments()}
    return _frame(_search(store, names, list(names), f"tags.`mlflow.parentRunId` = '{parent}'"))


def sweep_runs(name: str, uri: str) -> pd.DataFrame:
    """The runs of a sweep, as `load_runs` gives them; of one that is not there, none."""
    store = open_store(uri, create=False)
    names = {e.experiment_id: e.name for e in store.client.search_experiments()}
    return _frame(_of_sweep(store, names, name))


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=[*IDENTITY, *ORIGIN, *PLACE])


def _rows(store: Store, name: str | None) -> list[dict[str, Any]]:
    names = {e.experiment_id: e.name for e in store.client.search_experiments()}
    if name is None:
        return _search(store, names, list(names), "")
    experiments = [key for key, value in names.items() if value == name]
    if experiments:
        return _search(store, names, experiments, "")
    rows = _of_sweep(store, names, name)
    if not rows:
        known = [*names.values(), *{row["sweep"] for row in _search(store, names, list(names), "")}]
        remedy = closest(name, [other for other in known if other and other != "Default"] or ["none"])
        raise UsageError([Problem("name", "no experiment or sweep of this name", name, remedy)])
    return rows


def _of_sweep(store: Store, names: dict[str, str], name: str) -> list[dict[str, Any]]:
    # MLflow's filters have no escapes: a name with both kinds of quotes is looked for here.
    where = "" if "'" in name and '"' in name else f"tags.`{SWEEP}` = {literal(name)}"
    return [row for row in _search(store, names, list(names), where) if row["sweep"] == name]


def _search(store: Store, names: dict[str, str], experiments: list[str], where: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    token = None
    while True:
        page = store.client.search_runs(experiments, where, max_results=PAGE, page_token=token)
        rows += [_row(run, names[run.info.experiment_id]) for run in page if _is_run(run)]
        token = page.token
        if not token:
            return rows


def _is_run(run: Any) -> bool:
    return "qsweep.config" in run.data.tags


def _row(run: Any, experiment: str) -> dict[str, Any]:
    """One MLflow run."""
    record = RunRecord(run.info.run_name, experiment, run.data.params, run.data.tags)
    started = pd.Timestamp(run.info.start_time, unit="ms", tz="UTC")
    named = row(record, run.info.status, run.data.metrics)
    where = {"experiment_id": run.info.experiment_id, "artifacts": run.info.artifact_uri}
    return {"run_id": run.info.run_id, "started": started, **named, **where}


def row(record: RunRecord, status: str, metrics: Mapping[str, float]) -> dict[str, Any]:
    """What a run's record says of it, as columns."""
    return {
        "name": printable(record.name),
        "experiment": record.experiment,
        "status": status,
        "sweep": record.tags.get(SWEEP),
        "variant": record.tags.get("qsweep.variant", record.tags["qsweep.config"]),
        "config": record.tags["qsweep.config"],
        "environment": record.tags.get("qsweep.environment"),
        **{column: record.tags.get(f"qsweep.{column}") for column in ORIGIN},
        **{key: _value(value) for key, value in record.params.items()},
        **metrics,
    }


def _value(text: str) -> Any:
    """A param as it was before MLflow made it text; lists stay text, so that they compare."""
    with suppress(ValueError):
        value = json.loads(text)
        if isinstance(value, int | float | bool):
            return value
    return printable(text)
