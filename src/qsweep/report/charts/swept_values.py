"""The values of a swept hyperparameter as a chart shows them: in order, in words, on an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from qsweep.report.charts.chart import Axis, positions

MOST_VALUES = 60
"""Values of a hyperparameter that a chart has room for."""


def having(column: pd.Series, value: Any) -> pd.Series:
    """Which runs have a value, or, where it is None, none."""
    return column.isna() if pd.isna(value) else column == value


def distinct(column: pd.Series) -> list[Any]:
    """The distinct values: numbers in their order, then texts, then none."""
    values = list(column.dropna().unique())
    numbers = sorted(value for value in values if isinstance(value, int | float | np.number))
    texts = sorted((value for value in values if not isinstance(value, int | float | np.number)), key=str)
    return [*numbers, *texts, *([None] if column.isna().any() else [])]


def as_typed(value: Any) -> str:
    """A value as a user would type it."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return "none"
    if isinstance(value, float | np.floating):
        return f"{value:.0f}" if value == round(value) and -1e6 < value < 1e6 else f"{value:.6g}"
    return str(value).lower() if isinstance(value, bool | np.bool_) else str(value)


def axis_of(key: str, values: Sequence[Any]) -> tuple[Axis, list[float]]:
    """The side of a chart for a hyperparameter's values, and where each stands on it."""
    numbers = [
        float(value)
        for value in values
        if isinstance(value, int | float | np.number) and not isinstance(value, bool)
    ]
    if len(numbers) == len(values) > 1:
        return Axis(key, positions(numbers)), numbers
    return Axis(key, names=tuple(map(as_typed, values))), [float(place) for place in range(len(values))]
