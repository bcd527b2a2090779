"""The view of an experiment's runs in MLflow's UI: columns, grouping and charts, kept as an experiment tag.

MLflow 3.10 to 3.17 read the same state; from 3.16 on a view has a name, under which its menu lists it.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import pandas as pd

from qsweep.report.comparison.variants import counted_runs, differing
from qsweep.report.loading.runs import brief, runs_in, with_params
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import SCORE, milliseconds

WORKFLOW = "workflowType=machine_learning"
"""Makes the UI show what concerns runs; by default it shows what concerns language models."""
NAME = "qsweep"
TAG = f"mlflow.sharedViewState.{NAME}"
FIRST, NAMED, NEXT = (3, 10), (3, 16), (4, 0)
"""Releases of MLflow: the first with this state, the first whose views have names, the next unknown one."""
INTERVAL = ("test/return_ci_low", "test/return_ci_high")
CURVE = "train/return_avg"
MOST_KEYS, MOST_GROUPS = 4, 100
"""Maximum number of keys that groups are made of, and of groups that are listed folded."""
WIDTHS = dict.fromkeys((SCORE, *INTERVAL), 150)
"""Width of columns in pixels; MLflow writes numbers in full."""


def prepare_view(store: Store, experiment_id: str, experiment: str) -> str:
    """Write the view of an experiment; return its address below the UI's, without it if the UI is unknown.

    A view that a user has changed in the UI is kept.
    """
    plain = f"/#/experiments/{experiment_id}/runs?{WORKFLOW}"
    release = ui_release(store)
    if not FIRST <= release < NEXT:
        return plain
    runs = runs_in(store, experiment, brief())
    if runs.empty:
        return plain
    stored = store.experiment_tags(experiment_id).get(TAG, "")
    if not _changed_by_user(stored):
        state, now = packed(view_state(_with_params(store, runs))), milliseconds()
        named = {"name": NAME, "createdAt": now, "updatedAt": now, "state": state}
        store.tag_experiment(experiment_id, TAG, json.dumps(named) if release >= NAMED else state)
    return f"{plain}&viewStateShareKey={NAME}"


def ui_release(store: Store) -> tuple[int, ...]:
    """Return major and minor version of the MLflow whose UI shows a store; (0,) if a server does not say."""
    text = version("mlflow") if store.artifacts is not None else _server_release(store.uri)
    parts = text.split(".")[:2]
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else (0,)


def _server_release(uri: str) -> str:
    from qsweep.tracking.client.request import request  # slow to import

    try:
        return str(request(uri, "/version").text)
    except Exception:  # many kinds, of requests and MLflow
        return ""


def _changed_by_user(stored: str) -> bool:
    """Return whether a stored view was overridden in the UI, which then moves the time of its update."""
    try:
        view = json.loads(stored or "{}")
    except ValueError:
        return False
    return isinstance(view, dict) and view.get("updatedAt") != view.get("createdAt")


def _with_params(store: Store, runs: pd.DataFrame) -> pd.DataFrame:
    """Return one run of each variant, with all params."""
    counted = counted_runs(runs)
    firsts = (counted if len(counted) else runs).drop_duplicates("variant")
    return firsts if store.tables is None else with_params(store, firsts, list(firsts["run_id"]))


def view_state(runs: pd.DataFrame) -> dict[str, Any]:
    """Return the state of the view. runs: one of each variant, with the params in which they may differ."""
    keys = differing(runs)
    columns = [f"metrics.`{name}`" for name in (SCORE, *INTERVAL)] + [f"params.`{key}`" for key in keys]
    groups = [("param", key) for key in keys] if 0 < len(keys) <= MOST_KEYS else [("tag", "qsweep.variant")]
    return {
        "orderByKey": columns[0],
        "orderByAsc": False,
        "selectedColumns": columns,
        "columnOrder": columns,
        "columnWidths": {f"metrics.`{name}`": width for name, width in WIDTHS.items()},
        "groupBy": {
            "aggregateFunction": "average",
            "groupByKeys": [{"mode": mode, "groupByData": name} for mode, name in groups],
        },
        "groupsExpanded": _folded(runs.head(MOST_GROUPS), groups),
        "runsHiddenMode": "FIRST_20_RUNS",
        "isAccordionReordered": True,  # otherwise MLflow sorts its own sections before this one
        "compareRunSections": [_section()],
        "compareRunCharts": [_chart("LINE", CURVE, xAxisKey="step"), _chart("BAR", SCORE)],
    }


def packed(state: Mapping[str, Any]) -> str:
    """Return a state as MLflow compresses it: the tag of an experiment holds 5,000 characters."""
    return "deflate;" + base64.b64encode(zlib.compress(json.dumps(state).encode(), 9)).decode()


def _folded(runs: pd.DataFrame, groups: Sequence[tuple[str, str]]) -> Mapping[str, bool]:
    """Return MLflow's ids of the groups, each folded, so that the list begins with the variants."""
    columns = [runs["variant" if mode == "tag" else name].map(_as_param) for mode, name in groups]
    starts = [f"{mode}.{name}." for mode, name in groups]
    rows = zip(*columns, strict=True)
    return {",".join(map("".join, zip(starts, row, strict=True))): False for row in rows}


def _as_param(value: Any) -> str:
    """Return a param's value as it was recorded."""
    if isinstance(value, str):
        return value
    return "null" if value is None or pd.isna(value) else json.dumps(getattr(value, "item", lambda: value)())


def _section() -> dict[str, Any]:
    flags = {"display": True, "isReordered": True, "deleted": False, "isGenerated": False}
    return {"uuid": NAME, "name": NAME, "columns": 2, **flags}


def _chart(kind: str, metric: str, **more: str) -> dict[str, Any]:
    return {
        "type": kind,
        "uuid": f"{NAME}-{metric}",
        "metricSectionId": NAME,
        "metricKey": metric,
        "selectedMetricKeys": [metric],
        "runsCountToCompare": 20,
        "deleted": False,
        "isGenerated": False,
        **more,
    }
