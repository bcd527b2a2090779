"""Runs as pandas frames."""

from __future__ import annotations

import json
import math
from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from qsweep.config import with_slashes
from qsweep.errors import Problem, UsageError, closest, printable
from qsweep.system.notices import left_out
from qsweep.tracking import RunRecord, run_search
from qsweep.tracking.store import Store, open_store
from qsweep.tracking.stored_run import CONFIG, EXACT, PARENT, SAMPLED, SCORE, SWEEP, Keys, StoredRun
from qsweep.tracking.tables import run_rows
from qsweep.tracking.tables.sound_rows import what_is_wrong
from qsweep.tracking.users import USER

IDENTITY = (
    *("run_id", "started", "name", "user", "experiment", "status", "sweep", "variant", "config"),
    "environment",
)
"""The first columns of every frame of runs."""
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
"""Provenance columns: the tags `qsweep.NAME`, as text."""
VARIANT, ENVIRONMENT = "qsweep.variant", "qsweep.environment"
PLACE = ("experiment_id", "artifacts")
UNKNOWN = "must be an experiment or a sweep"
"""The rule about a name that is neither."""
RESERVED = {*IDENTITY, *ORIGIN, *PLACE}
"""Columns that no param and no metric may be called."""


def load_runs(name: str | None = None, uri: str = "auto") -> pd.DataFrame:
    """Return the runs of an experiment or sweep, or all runs of the store: one row per run, the latest first.

    Columns: run_id, started (UTC), name, user, experiment, status, sweep; variant, config and environment,
    each a hash that equal ones share; those of ORIGIN; experiment_id, artifacts (a URI); every param under
    its key (numbers as numbers); the last value of every metric under its name, `score` as `with_scores`
    gives it. Absent values are NaN or None. Histories are read by `load_curves`. Parent runs are left out.
    Raises UsageError if there is no store or the name is unknown.
    """
    return runs_in(open_store(uri, create=False), name)


def runs_in(store: Store, name: str | None = None, only: Keys | None = None) -> pd.DataFrame:
    """Return the runs of an experiment or sweep, or all runs, of an open store, as `load_runs` does.

    only: the params, tags and metrics that are needed; the columns of others are missing or None.
    """
    if only is None or store.tables is None:
        return _frame(_rows(store, name, only))
    names = run_search.experiments(store)
    named = {key: value for key, value in names.items() if name in (None, value)}
    found = _columns(store, named or names, None if named else {SWEEP: str(name)}, only)
    return found if len(found) or named or name is None else _frame(_rows(store, name, only))


def _columns(store: Store, of: Mapping[str, str], tags: Mapping[str, str] | None, only: Keys) -> pd.DataFrame:
    """Return the runs of a local store with the columns of `only`, read column by column."""
    assert store.tables is not None
    if not of:
        return _frame([])
    table, params, metrics = run_rows.columns(store.tables.database, of, tags, only)
    if not table["run_id"]:
        return _frame([])
    trained, odd = [], []
    rows = zip(*(table[key] for key in ("run_id", "experiment", "status", "started", CONFIG)), strict=True)
    for run_id, experiment, status, started, config in rows:
        wrong = what_is_wrong(run_id, experiment, status, started) if config is not None else ""
        odd += [f"run {run_id}: {wrong}"] if wrong else []
        trained.append(config is not None and not wrong)
    left_out(odd)
    ids, users = (
        {value: printable(value or "") for value in {*values}} for values in (params["env.id"], table[USER])
    )
    variants = zip(table.pop(VARIANT), table[CONFIG], strict=True)
    found: dict[str, Any] = {
        "run_id": table.pop("run_id"),
        "started": table.pop("started"),
        "name": [
            with_slashes(printable(name or ""), ids[env_id])
            for name, env_id in zip(table.pop("name"), params["env.id"], strict=True)
        ],
        "user": [None if user is None else users[user] for user in table.pop(USER)],
        "experiment": table.pop("experiment"),
        "status": table.pop("status"),
        "sweep": table.pop(SWEEP),
        "variant": [config if variant is None else variant for variant, config in variants],
        "config": table.pop(CONFIG),
        "environment": table.pop(ENVIRONMENT),
    }
    found |= {tag.removeprefix("qsweep."): table.pop(tag) for tag in only.tags if tag in table}
    for key in only.params:
        values = params[key]
        if key not in found and any(value is not None for value in values):
            found[key] = [None if value is None else _value(str(value)) for value in values]
    for key in only.metrics:
        if key not in found and any(value is not None for value in metrics[key]):
            plain = {*map(type, metrics[key])} == {float}
            found[key] = metrics[key] if plain else [_number(value) for value in metrics[key]]
    frame = pd.DataFrame(found)[trained].reset_index(drop=True)
    frame["started"] = pd.to_datetime(frame["started"].astype("int64"), unit="ms", utc=True)
    return with_scores(frame)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def brief(params: Sequence[str] = (), metrics: Sequence[str] = ()) -> Keys:
    """Return the keys that every use of runs needs, with some more."""
    tags = (f"qsweep.{key}" for key in params if key in ORIGIN)
    return Keys(
        ("env.id", "seed", *params),
        (CONFIG, SWEEP, VARIANT, ENVIRONMENT, USER, *tags),
        (EXACT, SAMPLED, *metrics),
    )


def complete(store: Store, runs: pd.DataFrame) -> pd.DataFrame:
    """Return runs of a local store with all columns, where `runs_in` was asked for some."""
    assert store.tables is not None
    return frame(run_rows.runs_by_id(store.tables.database, list(runs["run_id"])))


def frame(found: Iterable[StoredRun]) -> pd.DataFrame:
    """Return the runs of qsweep among records, with all columns."""
    return _frame([_row(run) for run in found if run.trained])


def with_params(store: Store, runs: pd.DataFrame, run_ids: Sequence[str]) -> pd.DataFrame:
    """Return runs of a local store with the params of some of them as columns."""
    assert store.tables is not None
    found = run_rows.params_of(store.tables.database, run_ids)
    rows = {run_id: {key: _value(value) for key, value in params.items()} for run_id, params in found.items()}
    params = pd.DataFrame.from_dict(rows, orient="index", dtype=object)
    params = params.drop(columns=list(runs.columns), errors="ignore")
    joined: pd.DataFrame = runs.join(params, on="run_id")
    return joined


def check_any(store: Store, name: str, runs: pd.DataFrame) -> None:
    """Raise UsageError if an experiment has runs, but none of qsweep's."""
    if runs.empty and any(not run.trained for run in _of_experiment(store, name)):
        rule = "is an experiment without a run of qsweep; its runs are another program's"
        raise UsageError([Problem("name", rule, name, "see them with: qsweep ui")])


def _of_experiment(store: Store, name: str) -> list[StoredRun]:
    named = {key: value for key, value in run_search.experiments(store).items() if value == name}
    return [run for run in run_search.runs(store, named) if SWEEP not in run.tags]


def children(store: Store, parent: str) -> pd.DataFrame:
    """Return the runs nested under a parent run, as `load_runs` does."""
    return _frame(_search(store, run_search.experiments(store), {PARENT: parent}))


def frame_of(runs: Iterable[StoredRun]) -> pd.DataFrame:
    """Return runs that were read with all their params, tags and metrics as `load_runs` does."""
    return _frame([_row(run) for run in runs if run.trained])


def runs_in_sweep(store: Store, name: str, only: Keys | None = None) -> pd.DataFrame:
    """Return the runs of a sweep, as `runs_in` does; none if it does not exist."""
    names = run_search.experiments(store)
    if only is None or store.tables is None:
        return _frame(_search(store, names, {SWEEP: name}, only))
    return _columns(store, names, {SWEEP: name}, only)


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return with_scores(pd.DataFrame(rows)) if rows else pd.DataFrame(columns=[*IDENTITY, *ORIGIN, *PLACE])


def _rows(store: Store, name: str | None, only: Keys | None = None) -> list[dict[str, Any]]:
    names = run_search.experiments(store)
    if name is None:
        return _search(store, names, only=only)
    experiments = {key: value for key, value in names.items() if value == name}
    if experiments:
        return _search(store, experiments, only=only)
    rows = _search(store, names, {SWEEP: name}, only)
    if not rows:
        known = [*names.values(), *{row["sweep"] for row in _search(store, names, only=brief())}]
        remedy = closest(name, [other for other in known if other and other != "Default"])
        raise UsageError([Problem("name", UNKNOWN, name, remedy)])
    return rows


def _search(
    store: Store, of: Mapping[str, str], tags: Mapping[str, str] | None = None, only: Keys | None = None
) -> list[dict[str, Any]]:
    """Return the runs of experiments (names by id) with these tags, a row each, the latest first."""
    rows, odd = [], []
    for run in run_search.runs(store, of, tags, only=only):
        if run.trained:
            rows.append(_row(run))
            columns = {*(key for key in run.params if key in RESERVED), *_shadowed(run.metrics, run.params)}
            odd += [
                f"run {run.run_id}: its {key}, which is the name of another column" for key in sorted(columns)
            ]
    left_out(odd)
    return rows


def _row(run: StoredRun) -> dict[str, Any]:
    started = pd.Timestamp(run.started, unit="ms", tz="UTC")
    where = {"experiment_id": run.experiment_id, "artifacts": run.artifacts}
    return {"run_id": run.run_id, "started": started, **row(run, run.status, run.metrics), **where}


def _shadowed(metrics: Iterable[str], params: Container[str]) -> list[str]:
    return [key for key in metrics if key in RESERVED or key in params]


def row(run: StoredRun | RunRecord, status: str, metrics: Mapping[str, float]) -> dict[str, Any]:
    """Return the columns of a recorded run, or of an untracked one as it would be recorded."""
    return {
        "name": with_slashes(printable(run.name), printable(run.params.get("env.id", ""))),
        "user": printable(run.tags[USER]) if USER in run.tags else None,
        "experiment": run.experiment,
        "status": status,
        "sweep": run.tags.get(SWEEP),
        "variant": run.tags.get(VARIANT, run.tags[CONFIG]),
        "config": run.tags[CONFIG],
        "environment": run.tags.get(ENVIRONMENT),
        **{column: run.tags.get(f"qsweep.{column}") for column in ORIGIN},
        **{key: _value(value) for key, value in run.params.items() if key not in RESERVED},
        **{key: value for key, value in metrics.items() if not _shadowed([key], run.params)},
    }


@lru_cache(maxsize=10_000)  # runs of a sweep agree in almost all of their params
def _value(text: str) -> Any:
    """Return a param's value before MLflow made it text; lists stay text, to be comparable."""
    with suppress(ValueError):
        value = json.loads(text)
        if isinstance(value, int | float | bool):
            return value
    return printable(text)


def with_scores(runs: pd.DataFrame) -> pd.DataFrame:
    """Return runs with the column `score`, by which they are ranked, of one kind within an environment.

    It is the exact expected return if all runs of the environment that were evaluated have it, and otherwise
    the mean return on test starts: runs recorded before it was computed have only that.
    """
    if runs.empty or (EXACT not in runs and SAMPLED not in runs):
        return runs
    none = pd.Series(np.nan, runs.index)
    exact, sampled = (pd.to_numeric(runs.get(key, none), errors="coerce") for key in (EXACT, SAMPLED))
    inexact = exact.isna() & sampled.notna()
    mixed = inexact.groupby(runs["environment"].fillna("").to_numpy(), sort=False).transform("any")
    return runs.assign(**{SCORE: exact.where(~mixed, sampled)})


def kind_of_score(runs: pd.DataFrame) -> str:
    """Return in words what the scores of runs of one environment are."""
    return "exact expected return" if exactly_scored(runs) else "mean return on test starts"


def mixture(runs: pd.DataFrame) -> str:
    """Return a sentence if only some of the runs of one environment have an exact return, else nothing."""
    some = int(runs[EXACT].notna().sum()) if EXACT in runs else 0
    if not some or exactly_scored(runs):
        return ""
    what = f"{len(runs) - some:,} of {len(runs):,} runs have no exact expected return"
    return f"{what}, so all are compared by their mean return on test starts."


def exactly_scored(runs: pd.DataFrame) -> bool:
    """Return whether the scores of runs are exact expected returns, not means over test starts."""
    return EXACT in runs and len(runs) > 0 and bool((runs[SCORE] == runs[EXACT]).all())
