"""Charts of scores: by a swept hyperparameter, by training time, and performance profiles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qsweep.report.charts.chart import (
    Axis,
    Cloud,
    DotChart,
    Dots,
    LeftOut,
    Line,
    LineChart,
    Rule,
    ScatterChart,
    best_scale,
    no_values,
)
from qsweep.report.charts.curve_charts import MAX_COLOURED, MAX_CURVES
from qsweep.report.charts.swept_values import MAX_VALUES, as_text, axis_of, distinct, rows_with
from qsweep.report.comparison.studies import Study
from qsweep.report.comparison.variants import mean_of
from qsweep.report.loading.runs import kind_of_score
from qsweep.report.statistics.summaries import performance_profile, profile_band, summaries
from qsweep.tracking.stored_run import SCORE

METRICS = {
    "test/return_exact": "exact expected return",
    "test/return_mean": "mean return on test starts",
    "test/return_worst": "worst return on test starts",
    "test/success_rate": "success rate on test starts",
    "final/return_mean": "mean return of the last Q-table on test starts",
    "train/return_avg": "last trailing average return",
}
"""Metric -> its label on an axis."""
THRESHOLDS = 201


def score_by_key(
    study: Study, key: str, rules: Sequence[Rule], generator: np.random.Generator
) -> DotChart | ScatterChart | LeftOut:
    """Return the chart of every run's score by its value of a hyperparameter, with the mean per value.

    If the values are too many numbers, as in a search, the chart has the mean per variant instead.
    """
    name = f"score_by_{key}"
    runs = study.counted
    values = distinct(runs[key])
    axis, places = axis_of(key, values)
    if len(values) > MAX_VALUES and axis.names:
        return LeftOut(f"{key} has {len(values)} values, too many to give each its own place on the axis.")
    title, scores_axis = f"Score by {key}", Axis(metric_label(study))
    if len(values) > MAX_VALUES:
        caption = (
            "Each dot is a run (a seed), for all values of the other keys; each ring is a variant's mean."
        )
        return ScatterChart(name, title, caption, axis, scores_axis, _clouds(study, key), tuple(rules))
    groups = [runs[rows_with(runs[key], value)] for value in values]
    scores = [group[study.metric].to_numpy(np.float64) for group in groups]
    dots = tuple(
        Dots(as_text(value), place, score, tuple(group["name"].astype(str)), summary.mean, summary.interval)
        for value, place, score, group, summary in zip(
            values, places, scores, groups, summaries(scores, generator), strict=True
        )
    )
    others = [other for other in study.keys if other != key]
    over = (
        f", for all values of {' and '.join(others)}"
        if 0 < len(others) <= 2
        else ", for all values of the other keys"
    )
    caption = (
        f"Each dot is a run (a seed){over if others else ''}; the bar is the mean with its 95% interval."
    )
    return DotChart(name, title, caption, axis, scores_axis, dots, tuple(rules))


def _clouds(study: Study, column: str) -> tuple[Cloud, ...]:
    """Return every variant's runs by a numeric column and by their score, without runs that lack it."""
    clouds = []
    for place, variant in enumerate(study.labels):
        runs = study.of(variant).dropna(subset=column)
        if len(runs):
            x, y = (runs[key].to_numpy(np.float64) for key in (column, study.metric))
            colour = place if place < MAX_COLOURED else None
            clouds.append(Cloud(variant, x, y, tuple(runs["name"].astype(str)), colour))
    return tuple(clouds)


def profiles(study: Study) -> LineChart | LeftOut:
    """Return the performance profiles: the share of each variant's runs above each score."""
    scores = {name: study.scores(name) for name in study.labels[:MAX_CURVES]}
    if not scores or max(map(len, scores.values())) < 2:
        return LeftOut("A performance profile needs more than one seed.")
    runs = np.concatenate(list(scores.values()))
    if np.ptp(runs) == 0:
        return LeftOut("All runs score the same, so their profiles are one line.")
    x = np.linspace(runs.min() - 0.02 * np.ptp(runs), runs.max(), THRESHOLDS)
    lines = []
    for place, (name, values) in enumerate(scores.items()):
        coloured = place < MAX_COLOURED
        band = profile_band(values, x) if coloured else np.full((len(x), 2), np.nan)
        nothing = no_values(len(x))
        shares = performance_profile(values, x)
        colour = place if coloured else None
        lines.append(Line(name, x, shares, band[:, 0], band[:, 1], nothing, nothing, colour))
    return LineChart(
        name="profiles",
        title="Performance profiles",
        caption="Share of a variant's runs that score above each value. Further right is better; a steep "
        "curve means that seeds agree.",
        x=Axis(metric_label(study)),
        y=Axis("share of runs above"),
        lines=tuple(lines),
        band="95% interval",
    )


def steps_and_score(study: Study, rules: Sequence[Rule]) -> ScatterChart | LeftOut:
    """Return the chart of every run's score by the environment steps of its training, with its seconds."""
    if "train/steps" not in study.counted or study.counted["train/steps"].isna().all():
        return LeftOut("No run recorded its environment steps.")
    clouds = _clouds(study, "train/steps")
    steps = np.concatenate([cloud.x for cloud in clouds])
    axis = Axis("environment steps", best_scale([float(steps.min()), float(steps.max())], factor=20))
    caption = (
        "Each dot is a run, each ring a variant's mean. Steps are the same on every machine; seconds of "
        "training, without compiling, depend on the machine and its load."
    )
    notes = tuple(_seconds(study, cloud.label) for cloud in clouds)
    y = Axis(metric_label(study))
    return ScatterChart("steps_and_score", "Steps and score", caption, axis, y, clouds, tuple(rules), notes)


def _seconds(study: Study, variant: str) -> str:
    """Return a variant's mean seconds of training as text."""
    seconds = mean_of(study.of(variant), "train/seconds")
    return "-" if np.isnan(seconds) else f"{seconds:.2g} s"


def metric_label(study: Study) -> str:
    """Return the axis label of the metric that a study compares."""
    return kind_of_score(study.counted) if study.metric == SCORE else METRICS.get(study.metric, study.metric)
