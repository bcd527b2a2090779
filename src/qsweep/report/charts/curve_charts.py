"""Learning curves: of variants over their seeds, and of one run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from qsweep.report.charts.chart import Axis, LeftOut, Line, LineChart, Rule, no_values
from qsweep.report.comparison.studies import Study
from qsweep.report.loading.curves import Histories, aligned
from qsweep.report.loading.runs import exactly_scored
from qsweep.report.statistics.summaries import bootstrap_interval
from qsweep.system.arrays import Floats
from qsweep.tracking.stored_run import SCORE

MAX_COLOURED = 6
"""The number of variants with a colour of their own and a band: those with the highest scores."""
MAX_CURVES = 40
"""The maximum number of variants with a curve."""
RESAMPLES = 500
"""Resamples for each point of a band: its ends vary by a twentieth of its width."""


def learning_curves(
    study: Study, found: Histories, rules: Sequence[Rule], generator: np.random.Generator
) -> LineChart | LeftOut:
    """Return the chart of the trailing average return in training, of each variant over its seeds."""
    lines = _lines(study, found, ("train/return_avg", "train/return_min", "train/return_max"), generator)
    if not lines:
        return LeftOut("No run has a curve of its training returns.")
    window = _window(study.counted)
    many = _many(study)
    return LineChart(
        name="learning_curves",
        title="Learning curves",
        caption=f"Return during training, with exploration; trailing mean of {window} episodes.{many}",
        x=Axis("episode"),
        y=Axis("return"),
        lines=lines,
        rules=tuple(rules),
        band="95% interval of the mean over seeds",
        extremes="lowest and highest return of any seed",
    )


def greedy_curves(
    study: Study, found: Histories, rules: Sequence[Rule], generator: np.random.Generator
) -> LineChart | LeftOut:
    """Return the chart of the checkpoints' validation scores, of each variant over its seeds."""
    lines = _lines(study, found, ("eval/return_mean",) * 3, generator)
    if not lines:
        return LeftOut("No checkpoint was evaluated, so there is no curve of the greedy policy.")
    return LineChart(
        name="greedy_curves",
        title="Greedy policy during training",
        caption=f"{_checkpoint_scores(study)} of the checkpoints, without exploration.{_many(study)}",
        x=Axis("episode"),
        y=Axis("return"),
        lines=lines,
        rules=tuple(rules),
        band="95% interval of the mean over seeds",
        extremes="lowest and highest seed",
    )


def _checkpoint_scores(study: Study) -> str:
    exact = study.metric == SCORE and exactly_scored(study.counted)
    return "Exact expected return" if exact else "Mean return on validation starts"


def best_run(study: Study, found: Histories, rules: Sequence[Rule]) -> LineChart | LeftOut:
    """Return the chart of average, minimum and maximum return of the only run, or the leader's best one."""
    if not study.labels:
        return LeftOut("No run has a score.")
    run, window = study.best_run(study.labels[0]), _window(study.of(study.labels[0]))
    curve = found.get(("train/return_avg", str(run["run_id"])))
    if curve is None:
        return LeftOut("The leader's best run has no curve of its returns.")
    x, y = curve
    low, high = (
        _of_run(found, metric, run["run_id"], x) for metric in ("train/return_min", "train/return_max")
    )
    return LineChart(
        name="best_run",
        title="Learning curve",
        caption=f"{run['name']}: average, minimum and maximum return over the last {window} episodes.",
        x=Axis("episode"),
        y=Axis("return"),
        lines=(Line("average", x, y, no_values(len(x)), no_values(len(x)), low, high, 0),),
        rules=tuple(rules),
        extremes="minimum and maximum",
    )


def _of_run(found: Histories, metric: str, run_id: str, x: Floats) -> Floats:
    curve = found.get((metric, run_id))
    return no_values(len(x)) if curve is None else np.interp(x, *curve)


def _window(runs: pd.DataFrame) -> str:
    values = sorted(runs["window"].dropna().unique()) if "window" in runs else []
    return " or ".join(f"{value:,}" for value in values) or "few"


def _many(study: Study) -> str:
    """Return a sentence about the colours if there are more variants than colours."""
    n = len(study.labels)
    if n <= MAX_COLOURED:
        return ""
    drawn = (
        f"the other {n - MAX_COLOURED}" if n <= MAX_CURVES else f"the next {MAX_CURVES - MAX_COLOURED} of {n}"
    )
    return f" The {MAX_COLOURED} best variants are in colour, {drawn} in grey."


def _lines(
    study: Study, found: Histories, metrics: tuple[str, str, str], generator: np.random.Generator
) -> tuple[Line, ...]:
    """Return a curve for each variant that has one. metrics: of the curve and of its extremes."""
    lines = []
    for number, variant in enumerate(study.labels[:MAX_CURVES]):
        runs = list(study.of(variant)["run_id"])
        average = aligned(found, metrics[0], runs)
        if average is None:
            continue
        x, values = average
        colour = number if number < MAX_COLOURED else None
        nothing = no_values(len(x))
        if colour is None:
            lines.append(Line(variant, x, values.mean(axis=0), nothing, nothing, nothing, nothing))
            continue
        band = bootstrap_interval(values.T, np.mean, generator, RESAMPLES)
        lows, highs = (aligned(found, name, runs, x) for name in metrics[1:])
        spread = len(runs) > 1 or metrics[0] != metrics[1]
        least = lows[1].min(axis=0) if lows and spread else nothing
        most = highs[1].max(axis=0) if highs and spread else nothing
        lines.append(Line(variant, x, values.mean(axis=0), band[:, 0], band[:, 1], least, most, colour))
    return tuple(lines)
