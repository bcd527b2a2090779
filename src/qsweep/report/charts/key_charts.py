"""Charts of several hyperparameters at once: pairs of them, all of them, and which of them matter."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10

import numpy as np
import pandas as pd

from qsweep.report.charts.chart import Axis, Bar, BarChart, Floats, HeatChart, LeftOut, ParallelChart
from qsweep.report.charts.importance import FEWEST_VARIANTS, Importance, between_variants, importances
from qsweep.report.charts.score_charts import in_words
from qsweep.report.charts.swept_values import MOST_VALUES, as_typed, axis_of, distinct, having
from qsweep.report.comparison.studies import Study
from qsweep.report.formats import number

EVEN = 12
"""Values of a hyperparameter that stand at equal distances on an axis of parallel coordinates."""
PARALLEL = 400
"""Variants that parallel coordinates show at most."""


def heat_map(study: Study, important: Sequence[Importance]) -> HeatChart | LeftOut:
    """The mean score for each pair of values of two hyperparameters, the most important ones."""
    if len(study.keys) < 2:
        return LeftOut("heat_map", f"A heat map needs two swept hyperparameters; {_swept(study)}.")
    ranked = [importance.key for importance in important] or list(study.keys)
    across, down = sorted(ranked[:2], key=study.keys.index)
    columns, rows = (distinct(study.counted[key]) for key in (across, down))
    if max(len(columns), len(rows)) > MOST_VALUES:
        return LeftOut("heat_map", f"{across} and {down} have too many values for a heat map.")
    values, counts = np.full((len(rows), len(columns)), np.nan), np.zeros((len(rows), len(columns)), np.int64)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            both = having(study.counted[down], row) & having(study.counted[across], column)
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
        x=Axis(across, names=tuple(map(as_typed, columns))),
        y=Axis(down, names=tuple(map(as_typed, rows[::-1]))),
        values=values[::-1],
        counts=counts[::-1],
        value=in_words(study),
    )


def parallel_coordinates(study: Study) -> ParallelChart | LeftOut:
    """Every variant as a line through its hyperparameters to its mean score."""
    if len(study.keys) < 2:
        why = f"Parallel coordinates need two swept hyperparameters; {_swept(study)}."
        return LeftOut("parallel_coordinates", why)
    labels = study.labels[:PARALLEL]
    firsts = pd.DataFrame([study.of(name).iloc[0] for name in labels])
    means = np.array([study.scores(name).mean() for name in labels])
    shade = (means - means.min()) / (np.ptp(means) or 1.0)
    sides = [_side(firsts[key]) for key in study.keys]
    ends = ((0.0, number(float(means.min()))), (1.0, number(float(means.max()))))
    words = zip(*(map(as_typed, firsts[key]) for key in study.keys), map(number, means.tolist()), strict=True)
    more = f" The {PARALLEL} best of {len(study.labels)}." if len(study.labels) > PARALLEL else ""
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


def important_keys(study: Study, generator: np.random.Generator) -> list[Importance]:
    """The importance of each swept hyperparameter; none where they cannot be told apart."""
    if len(study.keys) < 2 or len(study.labels) < FEWEST_VARIANTS:
        return []
    settings = pd.DataFrame([study.of(name).iloc[0][list(study.keys)] for name in study.labels])
    return importances(settings, [study.scores(name) for name in study.labels], generator)


def importance_chart(study: Study, important: Sequence[Importance]) -> BarChart | LeftOut:
    """How much of the variance between variants each hyperparameter explains."""
    if len(study.keys) < 2:
        why = f"Importance compares hyperparameters; {_swept(study)}."
        return LeftOut("importance", why)
    if not important:
        why = f"Importance needs {FEWEST_VARIANTS} variants that do not all score the same."
        return LeftOut("importance", why)
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
        bars=tuple(Bar(found.key, found.share, found.interval) for found in important),
    )


def _swept(study: Study) -> str:
    if not study.keys:
        return "here there is only one variant"
    return f"here only {study.keys[0]} varies"


def _side(column: pd.Series) -> tuple[Floats, tuple[tuple[float, str], ...]]:
    """Where each variant meets the axis of a hyperparameter, 0 to 1, and the ticks of that.

    Few values stand at equal distances, many on a scale.
    """
    values = distinct(column)
    axis, places = axis_of(str(column.name), values)
    if axis.names or len(values) <= EVEN:
        places = [float(place) for place in range(len(values))]
    elif axis.scale == "log":
        places = [log10(place) for place in places]
    low, span = min(places), (max(places) - min(places)) or 1.0
    at = {as_typed(value): (place - low) / span for value, place in zip(values, places, strict=True)}
    ticks = tuple((place, text) for text, place in at.items())
    return np.array([at[as_typed(value)] for value in column]), ticks if len(ticks) <= EVEN else (
        ticks[0],
        ticks[-1],
    )
