"""Figures of the atlas: runs and settings above each share of the optimum, and the cost of coming near it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from qsweep.commands.atlas.results import NEAR, Page, Result
from qsweep.report.charts.chart import Axis, Line, LineChart, no_values
from qsweep.report.statistics.summaries import performance_profile
from qsweep.report.statistics.thresholds import shares_reached
from qsweep.system.arrays import Floats

THRESHOLDS = np.linspace(0, 1, 201)
"""Scores on the scale from random actions to the optimum."""
COSTS = 201
"""The number of points of a curve of costs."""


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


def costs(page: Page) -> LineChart | None:
    """Return how many runs have come near an environment's optimum after how many steps; None if none did."""
    if not any(result.reached.any() for result in page.results):
        return None
    x = np.linspace(0, max(result.costs.max() for result in page.results), COSTS)
    nothing = no_values(COSTS)
    lines = (
        Line(r.cell.algorithm, x, shares_reached(r.costs, r.reached, x), *(nothing,) * 4, place)
        for place, r in enumerate(page.results)
    )
    return LineChart(
        f"{page.entry.name}-cost",
        f"The cost of {NEAR:.0%} of the optimum",
        f"Share of runs on fresh seeds that have had a checkpoint with at least {NEAR:.0%} on the scale from "
        f"random actions to {'the optimum' if page.scale.proven else 'the best mean score'}, after so many "
        "environment steps. Further left is cheaper.",
        Axis("environment steps"),
        Axis("share of runs"),
        tuple(lines),
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
