"""The curves of many runs, downsampled while they are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from qsweep.report.loading.server_curves import CONNECTIONS, MOST_POINTS, NotOffered, sampled
from qsweep.system.arrays import Floats
from qsweep.system.notices import left_out
from qsweep.tracking.curves import stride_for
from qsweep.tracking.store import Store, open_store
from qsweep.tracking.tables.curve_rows import LARGEST
from qsweep.tracking.tables.database import Database

CURVES = ("train/return_avg", "train/return_min", "train/return_max", "train/epsilon", "eval/return_mean")
"""Metrics that have a curve."""
POINTS = 250
"""Maximum number of points of a curve in a figure."""
EXTENT = """
SELECT
  (SELECT step FROM metrics WHERE run_uuid = ?1 AND key = ?2 ORDER BY step LIMIT 1),
  (SELECT step FROM metrics WHERE run_uuid = ?1 AND key = ?2 ORDER BY step DESC LIMIT 1),
  (SELECT step FROM metrics WHERE run_uuid = ?1 AND key = ?2 ORDER BY step LIMIT 1 OFFSET 1)
"""
"""The first, the last and the second step of a curve, each an index lookup."""
SELECT = """
SELECT step, CASE WHEN is_nan THEN NULL ELSE value END FROM metrics
WHERE run_uuid = ? AND key = ? AND (? - step) % ? = 0 ORDER BY step, timestamp
"""

Episodes = npt.NDArray[np.int64]
Curve = tuple[str, str, Episodes, Floats]
"""run_id, metric, episodes [n], values [n]."""
Histories = Mapping[tuple[str, str], tuple[Floats, Floats]]
"""(metric, run_id) -> episodes and values of a curve, [n] each."""


def load_curves(
    runs: pd.DataFrame | Iterable[str],
    metrics: Sequence[str] = CURVES,
    points: int = POINTS,
    uri: str = "auto",
) -> pd.DataFrame:
    """Return curves of runs, one row per point: run_id, metric (both categories), episode (from 0), value.

    runs: a frame as `load_runs` returns it, or ids. points: maximum per curve, evenly spaced and including
    the last; 0: all recorded points. Sorted by run and metric, both in the order given, then episode. A run
    without a metric has no rows of it. Memory grows with the returned rows, not with the histories.
    """
    run_ids = _ids(runs)
    curves = list(_curves(open_store(uri, create=False), run_ids, metrics, points))
    lengths = [len(curve[2]) for curve in curves]
    columns = {
        "run_id": _categories(run_ids, [curve[0] for curve in curves], lengths),
        "metric": _categories(list(metrics), [curve[1] for curve in curves], lengths),
        "episode": np.concatenate([np.empty(0, np.int64), *(curve[2] for curve in curves)]),
        "value": np.concatenate([np.empty(0), *(curve[3] for curve in curves)]),
    }
    return pd.DataFrame(columns)


def histories(store: Store, runs: pd.DataFrame | Iterable[str], metrics: Sequence[str] = CURVES) -> Histories:
    """Return curves of runs as `load_curves` reads them, each on its own, without non-finite points.

    Splitting one frame of all points would take as long as reading the curves.
    """
    found = {}
    for run_id, metric, episodes, values in _curves(store, _ids(runs), metrics, POINTS):
        there = np.isfinite(values)
        if there.any():
            found[metric, run_id] = (episodes[there].astype(np.float64), values[there])
    return found


def _ids(runs: pd.DataFrame | Iterable[str]) -> list[str]:
    return list(dict.fromkeys(runs["run_id"] if isinstance(runs, pd.DataFrame) else runs))


def aligned(
    found: Histories, metric: str, runs: Sequence[str], x: Floats | None = None
) -> tuple[Floats, Floats] | None:
    """Return the curves of several runs at the same episodes: x [n], values [runs, n]; None without any.

    Curves recorded at different episodes are interpolated over the range that all of them cover.
    """
    curves = [found[metric, run] for run in runs if (metric, run) in found]
    if not curves:
        return None
    if x is None:
        x = curves[0][0]
        if not all(np.array_equal(x, episodes) for episodes, _ in curves):
            first = max(float(episodes[0]) for episodes, _ in curves)
            last = min(float(episodes[-1]) for episodes, _ in curves)
            x = np.linspace(first, max(first, last), max(len(episodes) for episodes, _ in curves))
    return x, np.stack([np.interp(x, episodes, values) for episodes, values in curves])


def _categories(names: list[str], of_each: list[str], lengths: list[int]) -> pd.Categorical[str]:
    codes = {name: code for code, name in enumerate(names)}
    column = np.repeat(np.array([codes[name] for name in of_each], np.int64), lengths)
    found: pd.Categorical[str] = pd.Categorical.from_codes(column, categories=pd.Index(names))
    return found


def _curves(store: Store, run_ids: Sequence[str], metrics: Sequence[str], points: int) -> Iterator[Curve]:
    """Yield every existing curve, by run, then metric; an unknown run has none."""
    if store.tables is not None and store.database is not None:
        return _from_tables(store.tables.database, run_ids, metrics, points)
    if store.artifacts is None and 0 < points <= MOST_POINTS:
        with suppress(NotOffered):
            return iter(_from_server(store, run_ids, metrics, points))
    return _from_client(store, run_ids, metrics, points)


def _from_tables(
    database: Database, run_ids: Sequence[str], metrics: Sequence[str], points: int
) -> Iterator[Curve]:
    """Read from a local store's tables: MLflow's client makes an object of every point, which is slow."""
    for run_id in run_ids:
        for metric in metrics:
            [extent] = database.read(EXTENT, (run_id, metric))
            if extent[0] is None:
                continue
            if not all(isinstance(step, int | None) for step in extent):
                left_out([f"run {run_id}: its curve {metric}, which has steps that are no numbers"])
                continue
            step = _step(extent, points)
            rows = database.read(SELECT, (run_id, metric, extent[1], step))
            if step > 1 and len(rows) < points / 4:  # they are unevenly spaced
                rows = database.read(SELECT, (run_id, metric, extent[1], 1))
            table = np.array(_sound(rows, f"run {run_id}: points of its curve {metric}"), np.float64)
            yield _curve(run_id, metric, table[:, 0].astype(np.int64), table[:, 1], points)


def _sound(rows: list[tuple[Any, ...]], what: str) -> list[tuple[Any, ...]]:
    """Return the points that are numbers; others can be written by other programs."""
    sound = [row for row in rows if isinstance(row[0], int) and isinstance(row[1], int | float | None)]
    if len(sound) < len(rows):
        left_out([f"{what}, which are no numbers"])
    return sound or [(0, None)]


def _step(extent: tuple[int, int, int | None], points: int) -> int:
    """Return the distance in episodes between two points that are read; 1 reads all of them."""
    first, last, second = extent
    gap = 0 if second is None else second - first
    if gap == 0 or (last - first) % gap:
        return 1
    every = stride_for((last - first) // gap + 1, points)
    return every * gap if every > 1 else 1


def _from_server(store: Store, run_ids: Sequence[str], metrics: Sequence[str], points: int) -> list[Curve]:
    found = sampled(store, run_ids, metrics, points)
    asked = [(run_id, metric) for run_id in run_ids for metric in metrics]
    return [_curve(*each, *found[each], points) for each in asked if each in found]


def _from_client(
    store: Store, run_ids: Sequence[str], metrics: Sequence[str], points: int
) -> Iterator[Curve]:
    def history(asked: tuple[str, str]) -> Curve:
        found = store.client.get_metric_history(*asked)
        found = sorted(found, key=lambda point: (point.step, point.timestamp))
        steps = np.array([point.step for point in found], np.int64)
        return _curve(*asked, steps, np.array([point.value for point in found], np.float64), points)

    asked = [(run_id, metric) for run_id in run_ids for metric in metrics]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        yield from (curve for curve in pool.map(history, asked) if len(curve[2]))


def _curve(run_id: str, metric: str, episodes: Episodes, values: Floats, points: int) -> Curve:
    """Return a downsampled curve; of a step recorded twice, the later value counts."""
    if len(episodes):
        last = np.append(episodes[1:] != episodes[:-1], True)
        episodes, values = episodes[last], values[last]
    stride = stride_for(len(episodes), points)
    kept = slice((len(episodes) - 1) % stride, None, stride)
    values = values[kept].copy()
    values[np.abs(values) >= LARGEST] *= np.inf
    return run_id, metric, episodes[kept], values
