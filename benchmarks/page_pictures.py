"""The pictures of docs/performance.md, drawn from what was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from measuring import Point, Row
from qsweep.report.charts.marks import BLUE, GREY, ORANGE
from results import Results

BARS = {"training": "ns per step", "tracking": "points/s", "runs": "ms per run"}
"""Table -> the unit of the rows that are drawn."""
COSTS: dict[str, tuple[str, str, Callable[[Point], float | None]]] = {
    "time": ("seconds", BLUE, lambda point: point.seconds),
    "memory": ("peak MB", ORANGE, lambda point: point.memory_mb),
    "disk": ("MB on disk", "black", lambda point: point.disk_mb),
}
COLUMNS = 4
"""Panels beside each other."""


def write(results: Results, folder: Path) -> list[str]:
    """Draw what there are results for; returns the files' names, and removes earlier ones."""
    for stale in folder.glob("performance-*.png"):
        stale.unlink()
    drawn: dict[str, Figure] = {}
    for table, unit in BARS.items():
        rows = [row for row in results.rows if row.table == table and row.unit == unit and row.samples]
        if rows:
            drawn[table] = draw_bars(rows, unit)
    for name, (label, colour, cost) in COSTS.items() if results.points else ():
        drawn[f"growth-{name}"] = draw_growth(results.points, label, colour, cost)
    for name, figure in drawn.items():
        figure.savefig(folder / f"performance-{name}.png")
    return [f"performance-{name}.png" for name in drawn]


def draw_bars(rows: Sequence[Row], unit: str) -> Figure:
    """A bar for each row on a logarithmic axis, ours in colour, with the spread as a line."""
    rows = sorted(rows, key=lambda row: row.median, reverse=unit != "points/s")
    figure, [axes] = _panels(9, 0.8 + 0.28 * len(rows))
    for place, row in enumerate(rows):
        axes.barh(
            place, row.median, color=GREY if row.peer else BLUE, alpha=0.55 if row.peer else 1, height=0.7
        )
        axes.plot([min(row.samples), max(row.samples)], [place, place], color="black", lw=1.2)
        words = f"{row.median:,.0f}" if row.median >= 100 else f"{row.median:.1f}"
        axes.text(max(row.samples) * 1.08, place, words, va="center", fontsize=8)
    axes.set_xscale("log")
    axes.set_xlim(min(min(row.samples) for row in rows) / 2, max(max(row.samples) for row in rows) * 3)
    axes.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=8)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(
        f"{unit}, logarithmic: {'more' if unit == 'points/s' else 'less'} is better; qsweep in blue"
    )
    return figure


def draw_growth(
    points: Sequence[Point], label: str, colour: str, cost: Callable[[Point], float | None]
) -> Figure:
    """A panel for each curve, both axes logarithmic, with a line in proportion to compare with."""
    curves = list(dict.fromkeys(point.curve for point in points))
    rows = -(-len(curves) // COLUMNS)
    figure, panels = _panels(11, 2.4 * rows, rows, COLUMNS)
    for axes in panels[len(curves) :]:
        axes.set_visible(False)
    for axes, curve in zip(panels, curves, strict=False):
        found = sorted((p for p in points if p.curve == curve), key=lambda point: point.x)
        pairs = [(point.x, value) for point in found if (value := cost(point))]
        axes.set_title(curve, loc="left", fontsize=9)
        if not pairs:
            continue
        x, y = zip(*pairs, strict=True)
        axes.plot(x, y, color=colour, marker="o", ms=3.5, lw=1.4)
        axes.plot([x[0], x[-1]], [y[-1] * x[0] / x[-1], y[-1]], color=GREY, lw=0.9, ls="--")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_ylim(min(y) / 2, max(y) * 2)
        axes.xaxis.set_major_locator(LogLocator(numticks=6))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.tick_params(labelsize=7)
        axes.set_xlabel(found[0].unit.partition(";")[0], fontsize=7)
    figure.supylabel(label, fontsize=9)
    return figure


def _panels(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, Any]:
    """A figure and its axes, row by row, in the style of the project's figures."""
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels:
        axes.grid(color=GREY, alpha=0.2, lw=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels
