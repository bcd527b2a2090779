"""A run's learning curve as a matplotlib figure, for SVG and PDF files; `learning_curve` draws PNGs."""

from __future__ import annotations

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from qsweep.pictures.learning_curve import BLUE, HUGE, LEGEND_POSITIONS, LIGHT, ORANGE, PALE
from qsweep.system.arrays import Floats
from qsweep.tracking.curves import Points


def curve_figure(points: Points, window: int, title: str, legend: str = "best") -> Figure:
    """Draw a run's trailing average between its trailing minimum and maximum, with epsilon below.

    points: the curves of a run, as recorded. window: the number of episodes in an average. legend: one of
    LEGEND_POSITIONS. Raises ValueError for any other.
    """
    if legend not in LEGEND_POSITIONS:
        raise ValueError(f"legend must be one of {', '.join(LEGEND_POSITIONS)}; given {legend}")
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, sharex=True, height_ratios=(4, 1))
    low, high, average, epsilon = (
        _drawable(points.values[f"train/{name}"])
        for name in ("return_min", "return_max", "return_avg", "epsilon")
    )
    upper.fill_between(points.episodes, low, high, color=PALE, lw=0)
    upper.plot(points.episodes, high, color=LIGHT, lw=0.8, label="maximum and minimum")
    upper.plot(points.episodes, low, color=LIGHT, lw=0.8)
    upper.plot(points.episodes, average, color=BLUE, lw=1.8, label="average")
    lower.plot(points.episodes, epsilon, color=ORANGE, lw=1.4)
    upper.set_title(title, loc="left", size=11, parse_math=False)
    upper.set_ylabel(f"return, trailing {window:,} episodes")
    lower.set(xlabel="episode", ylabel="epsilon")
    upper.legend(loc=legend, frameon=False)
    for axes in (upper, lower):
        axes.grid(color="#dddddd", lw=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _drawable(values: Floats) -> Floats:
    return np.where(np.abs(values) < HUGE, values, np.nan)
