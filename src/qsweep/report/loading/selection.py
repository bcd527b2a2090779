"""Selection of a report's runs: by experiment or sweep, start time and conditions."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from qsweep.errors import Problem, UsageError, closest, collecting
from qsweep.policies.registry.names import resolve
from qsweep.report.loading.runs import (
    UNKNOWN,
    brief,
    check_any,
    complete,
    frame,
    runs_in,
    runs_in_sweep,
    with_scores,
)
from qsweep.tracking.run_search import run_of
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import SCORE, Keys

CONFIRM = "-confirm"
"""Name suffix of a sweep that confirms the finalists of another one on fresh seeds."""
AGO = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
"""The units of an age, in seconds."""
OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
CONDITION = re.compile(r"\s*([^\s=!<>]+)\s*(==|!=|<=|>=|<|>|=)\s*([^\s=!<>].*?)\s*")
LESS_IS_BETTER = (
    *("optimum/gap", "train/seconds", "train/compile_seconds", "train/steps", "train/epsilon"),
    "best_episode",
)
"""Metrics by which variants are not compared."""


@dataclass(frozen=True)
class Selection:
    """The runs that a report compares, and how.

    name: an experiment's or a sweep's. since: "2025-01-31", "2025-01-31 14:00" (UTC) or an age such as
    "7d" (m, h, d, w). where: conditions such as "buckets >= 20", all of which must hold; `and` joins
    several in one. metric: compared between variants, higher is better. baseline: label or hash of a
    variant with which every other is compared as well.
    """

    name: str
    since: str | None = None
    where: Sequence[str] = ()
    metric: str = SCORE
    baseline: str | None = None


def selected(store: Store, selection: Selection) -> pd.DataFrame:
    """Return the selected runs of a store, as `load_runs` does; for a sweep also its confirmation runs.

    The name of no experiment and no sweep is that of a run. Raises UsageError if the name is unknown or the
    selection is invalid.
    """
    try:
        return _selected(store, selection)
    except UsageError as error:
        if error.problems[0].rule != UNKNOWN:
            raise
        return restricted(_one_run(store, selection.name, error.problems[0].remedy), selection)


def _one_run(store: Store, name: str, remedy: str) -> pd.DataFrame:
    """Return the run that a name stands for. Raises UsageError if there is none.

    remedy: what is known of experiments and sweeps; it is given if one has a similar name.
    """
    try:
        run_id = resolve(store, name).run_id
    except UsageError as error:
        similar = remedy if remedy.startswith("did you mean") else error.problems[0].remedy
        rule = "must be an experiment, a sweep or a run"
        raise UsageError([replace(each, rule=rule, remedy=similar) for each in error.problems]) from error
    return frame([run_of(store, run_id)])


def _selected(store: Store, selection: Selection) -> pd.DataFrame:
    chosen = store.tables and (selection.where or selection.since is not None)
    brief_runs = in_sweep_or_experiment(store, selection.name, _needed(selection)) if chosen else None
    if brief_runs is None or not _decides(brief_runs, selection):
        runs = in_sweep_or_experiment(store, selection.name)
        check_any(store, selection.name, runs)
        return restricted(runs, selection)
    kept = restricted(brief_runs, selection)
    return complete(store, kept) if len(kept) else kept


def in_sweep_or_experiment(store: Store, name: str | None, only: Keys | None = None) -> pd.DataFrame:
    """Return the runs of an experiment, or of a sweep with its confirmation runs; without a name, all."""
    runs = runs_in(store, name, only)
    if name and (runs["sweep"] == name).all():
        again = runs_in_sweep(store, f"{name}{CONFIRM}", only)
        runs = with_scores(pd.concat([runs, again]).drop_duplicates("run_id")) if len(again) else runs
    return runs


def _needed(selection: Selection) -> Keys:
    """Return what has to be read of each run to know whether it is selected."""
    parts = (CONDITION.fullmatch(part) for part in _conditions(selection))
    keys = [parts[1] for parts in parts if parts]
    return brief(keys, [selection.metric, *keys])


def _decides(runs: pd.DataFrame, selection: Selection) -> bool:
    """Return whether runs have all columns of a selection; if not, it is wrong, and all are to be listed."""
    parts = [CONDITION.fullmatch(part) for part in _conditions(selection)]
    known = selection.metric in runs and selection.metric not in LESS_IS_BETTER
    return known and all(part and part[1] in runs for part in parts)


def _conditions(selection: Selection) -> list[str]:
    return [part for text in selection.where for part in re.split(r"\s+and\s+", text)]


def restricted(runs: pd.DataFrame, selection: Selection) -> pd.DataFrame:
    """Return the runs that meet a selection's conditions.

    Raises UsageError with every problem of the selection.
    """
    problems: list[Problem] = [*_metric_problems(runs, selection.metric)]
    kept = pd.Series(True, index=runs.index)
    for condition in _conditions(selection):
        with collecting(problems):
            kept &= _holds(runs, condition)
    if selection.since is not None:
        with collecting(problems):
            kept &= runs["started"] >= moment(selection.since, pd.Timestamp.now(tz="UTC"))
    if not problems and len(runs) and not kept.any():
        given = " and ".join([*selection.where, *([selection.since] if selection.since else [])])
        problems.append(Problem("--where and --since", "no run meets these conditions", given))
    if problems:
        raise UsageError(problems)
    return with_scores(runs[kept].reset_index(drop=True))


def moment(since: str, now: pd.Timestamp) -> pd.Timestamp:
    """Return the time that `since` stands for: a date, a date with a time (UTC), or an age before `now`.

    Raises UsageError for anything else.
    """
    age = re.fullmatch(r"(\d{1,6})([mhdw])", since)
    if age:
        return now - pd.Timedelta(seconds=int(age[1]) * AGO[age[2]])
    if re.fullmatch(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d)?)?", since):
        with suppress(ValueError):
            return pd.Timestamp(since, tz="UTC")
    rule = "must be a date, a date with a time (UTC), or an age: 2025-01-31, '2025-01-31 14:00', 12h, 7d"
    raise UsageError([Problem("--since", rule, since)])


def _holds(runs: pd.DataFrame, condition: str) -> pd.Series:
    """Return for each run whether a condition holds; not if the run lacks the value."""
    parts = CONDITION.fullmatch(condition)
    if parts is None:
        rule = "must be KEY OPERATOR VALUE, where OPERATOR is one of == != < <= > >="
        raise UsageError([Problem("--where", rule, condition, "for example: buckets >= 20")])
    key, sign, text = parts.groups()
    if key not in runs:
        remedy = closest(key, map(str, runs.columns))
        raise UsageError([Problem("--where", "must be a key of the runs", key, remedy)])
    compare, column = OPERATORS[sign], runs[key]
    value = text.strip("'\"")
    try:
        number = float(value)
    except ValueError:
        if sign not in ("==", "!=", "="):
            rule = "must compare text with == or !="
            raise UsageError([Problem("--where", rule, condition)]) from None
        found: pd.Series = column.notna() & compare(_as_text(column), value.replace(" ", "").casefold())
        return found
    numbers = pd.to_numeric(column, errors="coerce")
    met: pd.Series = compare(numbers, number)  # NaN meets !=
    return met & numbers.notna()


def _as_text(column: pd.Series) -> pd.Series:
    """Return values as a user types them: true for True, lists without spaces."""
    return column.astype(str).str.replace(" ", "").str.casefold()


def metrics_in(runs: pd.DataFrame) -> list[str]:
    """Return the metrics by which variants can be compared: those of which more is better."""
    names = (str(column) for column in runs.columns)
    return [name for name in names if ("/" in name or name == SCORE) and name not in LESS_IS_BETTER]


def _metric_problems(runs: pd.DataFrame, metric: str) -> Iterable[Problem]:
    known = metrics_in(runs)
    if metric in LESS_IS_BETTER:
        yield Problem(
            "--metric", "must be a metric for which higher is better", metric, closest(metric, known)
        )
    elif metric not in known and metric != SCORE:
        yield Problem("--metric", "must be a metric of the runs", metric, closest(metric, known))
