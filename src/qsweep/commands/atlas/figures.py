"""Figures of the whole atlas: how many runs, and how many settings, score above each share of the optimum."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from qsweep.commands.atlas.results import Page, Result
from qsweep.report.charts.chart import Axis, Line, LineChart, no_values
from qsweep.report.statistics.summaries import performance_profile
from qsweep.system.arrays import Floats

THRESHOLDS = np.linspace(0, 1, 201)
"""Scores on the scale from random actions to the optimum."""


def profiles_of_runs(pages: Sequence[Page]) -> LineChart:
    """Return the performance profiles of the algorithms: all reported runs, every environment alike."""
    return _profiles(
        pages,
        lambda result: result.scores,
        "profiles",
        "Performance profiles",
        "Share of runs on fresh seeds that score above each share of the way from random actions to the "
        "optimum, the mean over all environments. Further right is better.",
        "share of runs above",
    )


def profiles_of_settings(pages: Sequence[Page]) -> LineChart:
    """Return the same of the settings that were tried: an algorithm that hardly needs tuning is far right."""
    return _profiles(
        pages,
        lambda result: result.trials["mean"].to_numpy(np.float64),
        "settings",
        "Sensitivity to the setting",
        "Share of the settings tried in the search whose mean over the tuning seeds is above each share of "
        "the way from random actions to the optimum, the mean over all environments.",
        "share of settings above",
    )


def _profiles(
    pages: Sequence[Page], scores: Callable[[Result], Floats], name: str, title: str, caption: str, y: str
) -> LineChart:
    lines = []
    nothing = no_values(len(THRESHOLDS))
    for place, result in enumerate(pages[0].results):
        of_each = [
            performance_profile(page.scale.of(scores(page.results[place])), THRESHOLDS) for page in pages
        ]
        share = np.mean(of_each, axis=0)
        lines.append(
            Line(result.cell.algorithm, THRESHOLDS, share, nothing, nothing, nothing, nothing, place)
        )
    return LineChart(
        name, title, caption, Axis("score, 0: random actions, 1: the optimum"), Axis(y), tuple(lines)
    )
