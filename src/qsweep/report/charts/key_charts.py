"""Charts of several hyperparameters: heat map, parallel coordinates, importance."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10

import numpy as np
import pandas as pd

from qsweep.report.charts.chart import Axis, Bar, BarChart, HeatChart, LeftOut, ParallelChart
from qsweep.report.charts.importance import MIN_VARIANTS, between_variants, importances
from qsweep.report.charts.score_charts import metric_label
from qsweep.report.charts.swept_values import MAX_VALUES, as_text, axis_of, distinct, rows_with
from qsweep.report.comparison.studies import Study
from qsweep.report.formats import number
from qsweep.system.arrays import Floats

MAX_EVEN = 12
"""The maximum number of values at equal distances on an axis of parallel coordinates."""
MAX_PARALLEL = 400
"""The maximum number of variants in parallel coordinates."""


def heat_map(study: Study, important: Sequence[Bar]) -> HeatChart | LeftOut:
    """Return the mean score of each pair of values of the two most important hyperparameters."""
    if len(study.keys) < 2:
        return LeftOut(f"A heat map needs two swept hyperparameters; {_swept(study)}.")
    ranked = [bar.label for bar in important] or list(study.keys)
    across, down = sorted(ranked[:2], key=study.keys.index)
    columns, rows = (distinct(study.counted[key]) for key in (across, down))
    if max(len(columns), len(rows)) > MAX_VALUES:
        return LeftOut(f"{across} and {down} have too many values for a heat map.")
    values, counts = np.full((len(rows), len(columns)), np.nan), np.zeros((len(rows), len(columns)), np.int64)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            both = rows_with(study.counted[down], row) & rows_with(study.counted[across], column)
            counts[i, j] = both.sum()
            values[i, j] = study.counted[study.metric][both].mean() if both.any() else np.nan
    more = (
        ""
        if len(study.keys) == 2
        else f" These two of {len(study.keys)} keys are the most important; means over the others."
    )
    return HeatChart(
        name="heat_map",
        title=f"Mean score by {across} and {down}",
        caption=f"The mean over all runs of each pair.{more}",
        x=Axis(across, names=tuple(map(as_text, columns))),
        y=Axis(down, names=tuple(map(as_text, rows[::-1]))),
        values=values[::-1],
        counts=counts[::-1],
        value=metric_label(study),
    )


def parallel_coordinates(study: Study) -> ParallelChart | LeftOut:
    """Return the chart of every variant as a line through its hyperparameters to its mean score."""
    if len(study.keys) < 2:
        return LeftOut(f"Parallel coordinates need two swept hyperparameters; {_swept(study)}.")
    labels = study.labels[:MAX_PARALLEL]
    firsts = pd.DataFrame([study.of(name).iloc[0] for name in labels])
    means = np.array([study.scores(name).mean() for name in labels])
    shade = (means - means.min()) / (np.ptp(means) or 1.0)
    sides = [_side(firsts[key]) for key in study.keys]
    ends = ((0.0, number(float(means.min()))), (1.0, number(float(means.max()))))
    words = zip(*(map(as_text, firsts[key]) for key in study.keys), map(number, means.tolist()), strict=True)
    more = f" The {MAX_PARALLEL} best of {len(study.labels)}." if len(study.labels) > MAX_PARALLEL else ""
    return ParallelChart(
        name="parallel_coordinates",
        title="Parallel coordinates",
        caption=f"Each line is a variant; a darker line has a higher mean score.{more}",
        axes=(*study.keys, "mean score"),
        ticks=(*(ticks for _, ticks in sides), ends),
        labels=tuple(labels),
        places=np.column_stack([*(places for places, _ in sides), shade]),
        words=tuple(tuple(row) for row in words),
        shade=shade,
    )


def important_keys(study: Study, generator: np.random.Generator) -> list[Bar]:
    """Return the importance of each swept hyperparameter; empty if they cannot be separated."""
    if len(study.keys) < 2 or len(study.labels) < MIN_VARIANTS:
        return []
    settings = pd.DataFrame([study.of(name).iloc[0][list(study.keys)] for name in study.labels])
    return importances(settings, [study.scores(name) for name in study.labels], generator)


def importance_chart(study: Study, important: Sequence[Bar]) -> BarChart | LeftOut:
    """Return the chart of the share of the variance between variants that each hyperparameter explains."""
    if len(study.keys) < 2:
        return LeftOut(f"Importance compares hyperparameters; {_swept(study)}.")
    if not important:
        return LeftOut(f"Importance needs {MIN_VARIANTS} variants that do not all score the same.")
    between = between_variants([study.scores(name) for name in study.labels])
    of_runs = (
        ""
        if np.isnan(between)
        else (f" {between:.0%} of the variance between runs is between variants; the rest is between seeds.")
    )
    return BarChart(
        name="importance",
        title="Hyperparameter importance",
        caption="Share of the variance between variants that each key explains alone (fANOVA); intervals "
        f"over resampled seeds and forests.{of_runs}",
        x=Axis("share of the variance"),
        bars=tuple(important),
    )


def _swept(study: Study) -> str:
    if not study.keys:
        return "here there is only one variant"
    return f"here only {study.keys[0]} varies"


def _side(column: pd.Series) -> tuple[Floats, tuple[tuple[float, str], ...]]:
    """Return the height of each variant on the axis of a hyperparameter, 0 to 1, and the axis's ticks.

    Few values have equal distances; many lie on a numeric scale.
    """
    values = distinct(column)
    axis, positions = axis_of(str(column.name), values)
    if axis.names or len(values) <= MAX_EVEN:
        positions = [float(position) for position in range(len(values))]
    elif axis.scale == "log":
        positions = [log10(position) for position in positions]
    low, span = min(positions), (max(positions) - min(positions)) or 1.0
    heights = {
        as_text(value): (position - low) / span for value, position in zip(values, positions, strict=True)
    }
    ticks = tuple((height, text) for text, height in heights.items())
    return np.array([heights[as_text(value)] for value in column]), ticks if len(ticks) <= MAX_EVEN else (
        ticks[0],
        ticks[-1],
    )
