"""Conversion of points to rows of MLflow's metric tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qsweep.tracking.curves import Points

LARGEST = 1.7976931348623157e308
"""The value that MLflow stores for infinity."""

Row = tuple[str, float, int, int, bool, str]
"""A row of metrics or latest_metrics, in the order of COLUMNS."""
COLUMNS = ("key", "value", "timestamp", "step", "is_nan", "run_uuid")

Logged = tuple[Points, int]
"""Points with the time at which they were logged, in ms since 1970."""
_Column = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], int]


@dataclass(frozen=True)
class Curve:
    """Points of one metric, by step, either all NaN or none.

    timestamps (ms since 1970), steps and values have equal lengths. If is_nan, the values are 0;
    infinities are +-LARGEST.
    """

    key: str
    is_nan: bool
    timestamps: list[int]
    steps: list[int]
    values: list[float]


def curves_of(logged: Iterable[Logged]) -> Iterator[Curve]:
    """Yield the logged points as curves, ordered by key: adjacent rows of an index are inserted faster."""
    columns: dict[str, list[_Column]] = {}
    for points, now in logged:
        for key, values in points.values.items():
            columns.setdefault(key, []).append((points.episodes, values, now))
    for key in sorted(columns):
        yield from _split(key, columns[key])


def _split(key: str, columns: Sequence[_Column]) -> Iterator[Curve]:
    steps = np.concatenate([steps for steps, _, _ in columns])
    values = np.concatenate([values for _, values, _ in columns])
    moments = [now for _, _, now in columns]
    timestamps = np.repeat(np.array(moments, np.int64), [len(steps) for steps, _, _ in columns])
    nan = np.isnan(values)
    if nan.any():
        zeros = [0.0] * int(np.count_nonzero(nan))
        yield Curve(key, True, timestamps[nan].tolist(), steps[nan].tolist(), zeros)
        steps, values, timestamps = steps[~nan], values[~nan], timestamps[~nan]
    finite = np.clip(values, -LARGEST, LARGEST).tolist()
    yield Curve(key, False, timestamps.tolist(), steps.tolist(), finite)


def latest_rows(run_id: str, curves: Iterable[Curve]) -> list[Row]:
    """Return the row of each key's highest step, by key: in another order, two writers might deadlock."""
    rows = [
        (curve.key, curve.values[-1], curve.timestamps[-1], curve.steps[-1], curve.is_nan, run_id)
        for curve in curves
        if curve.steps
    ]
    return list({row[0]: row for row in sorted(rows, key=lambda row: (row[0], row[3]))}.values())
