"""Figures, in one style that colour-blind people can read."""

from __future__ import annotations

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from qsweep.curves import Points

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#6b6b6b"  # Okabe and Ito's palette


def learning_curve(points: Points, window: int, title: str) -> Figure:
    """A run's trailing average between its trailing minimum and maximum, with epsilon below.

    points: the curves of a run, as recorded. window: episodes the average is taken over.
    """
    figure = Figure(figsize=(8, 5), dpi=120)
    FigureCanvasAgg(figure)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    # Fixed margins: finding them by a layout engine takes as long as drawing.
    figure.subplots_adjust(left=0.1, right=0.98, top=0.93, bottom=0.1, hspace=0.08)
    x, y = points.episodes, points.values
    axes.fill_between(x, y["train/return_min"], y["train/return_max"], color=BLUE, alpha=0.15, lw=0)
    axes.plot(x, y["train/return_max"], color=BLUE, lw=0.5, alpha=0.7, label="maximum")
    axes.plot(x, y["train/return_avg"], color=BLUE, lw=1.6, label="average")
    axes.plot(x, y["train/return_min"], color=BLUE, lw=0.5, alpha=0.7, ls="--", label="minimum")
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_ylabel(f"return, trailing {window:,} episodes")
    axes.legend(loc="best", fontsize=9, frameon=False)
    below.plot(x, y["train/epsilon"], color=ORANGE, lw=1.2)
    below.set_ylabel("epsilon")
    below.set_xlabel("episode")
    below.xaxis.set_major_formatter("{x:,.0f}")
    for part in (axes, below):
        part.grid(color=GREY, alpha=0.2, lw=0.6)
        part.spines[["top", "right"]].set_visible(False)
    return figure
