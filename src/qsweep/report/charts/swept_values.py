"""The values of a swept hyperparameter in charts: their order, their text, their axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from qsweep.report.charts.chart import Axis, best_scale

MAX_VALUES = 60
"""The maximum number of values of a hyperparameter in a chart."""


def rows_with(column: pd.Series, value: Any) -> pd.Series:
    """Return a mask of the runs that have a value, or that have none if the value is None."""
    return column.isna() if pd.isna(value) else column == value


def distinct(column: pd.Series) -> list[Any]:
    """Return the distinct values: sorted numbers, then sorted texts, then None."""
    values = list(column.dropna().unique())
    numbers = sorted(value for value in values if isinstance(value, int | float | np.number))
    texts = sorted((value for value in values if not isinstance(value, int | float | np.number)), key=str)
    return [*numbers, *texts, *([None] if column.isna().any() else [])]


def as_text(value: Any) -> str:
    """Return a value as a user would type it."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return "none"
    if isinstance(value, float | np.floating):
        return f"{value:.0f}" if value == round(value) and -1e6 < value < 1e6 else f"{value:.6g}"
    return str(value).lower() if isinstance(value, bool | np.bool_) else str(value)


def axis_of(key: str, values: Sequence[Any]) -> tuple[Axis, list[float]]:
    """Return the axis of a hyperparameter's values, and the position of each value on it."""
    numbers = [
        float(value)
        for value in values
        if isinstance(value, int | float | np.number) and not isinstance(value, bool)
    ]
    if len(numbers) == len(values) > 1:
        return Axis(key, best_scale(numbers)), numbers
    return Axis(key, names=tuple(map(as_text, values))), [float(position) for position in range(len(values))]
