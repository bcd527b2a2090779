"""Points of curves as MLflow's tables hold them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qsweep.curves import Points

LARGEST = 1.7976931348623157e308
"""What MLflow stores for infinity."""

Row = tuple[str, float, int, int, bool, str]
"""Of metrics and latest_metrics: key, value, timestamp, step, is_nan, run_uuid."""
COLUMNS = ("key", "value", "timestamp", "step", "is_nan", "run_uuid")


@dataclass(frozen=True)
class Curve:
    """Points of one metric that were logged at one time (ms since 1970), either all NaN or none.

    steps and values are of one length; where is_nan, the values are 0, and infinities are +-LARGEST.
    """

    key: str
    timestamp: int
    is_nan: bool
    steps: list[int]
    values: list[float]


def curves_of(points: Points, now: int) -> Iterator[Curve]:
    """Points that are logged at `now` as curves."""
    for key, values in points.values.items():
        nan = np.isnan(values)
        if nan.any():
            steps = points.episodes[nan].tolist()
            yield Curve(key, now, True, steps, [0.0] * len(steps))
            yield _finite(key, now, points.episodes[~nan], values[~nan])
        else:
            yield _finite(key, now, points.episodes, values)


def _finite(key: str, now: int, steps: npt.NDArray[np.int64], values: npt.NDArray[np.float64]) -> Curve:
    return Curve(key, now, False, steps.tolist(), np.clip(values, -LARGEST, LARGEST).tolist())


def latest_rows(run_id: str, curves: Iterable[Curve]) -> list[Row]:
    """Of each key the row that is latest: by step, then timestamp, then value; the first of equals."""
    found: dict[str, Row] = {}
    for curve in curves:
        if curve.steps:
            step, value = max(zip(curve.steps, curve.values, strict=True))
            row = (curve.key, value, curve.timestamp, step, curve.is_nan, run_id)
            found[curve.key] = later(found.get(curve.key, row), row)
    return list(found.values())


def later(one: Row, other: Row) -> Row:
    """The later of two rows of a key; the first of equals."""
    return other if (other[3], other[2], other[1]) > (one[3], one[2], one[1]) else one
