"""The drawing of each kind of chart into matplotlib's axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, NullLocator

from qsweep.report.charts.chart import (
    Axis,
    BarChart,
    Chart,
    DotChart,
    HeatChart,
    LineChart,
    ParallelChart,
    Rule,
    ScatterChart,
    axis_number,
)
from qsweep.report.formats import number
from qsweep.system.arrays import Floats

BLUE, ORANGE, GREY, DARK, PALE = "#0072b2", "#d55e00", "#6b6b6b", "#1f2328", "#aeb6bf"
PALETTE = (BLUE, ORANGE, "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""Okabe and Ito's palette, without its yellow and black."""
DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)))
"""Of the first lines, one of each colour, of the second ones, and so on."""
TEXT, SMALL = 9.5, 8.5
"""Font sizes in points."""
MAX_TICKS = 16
"""The maximum number of labelled ticks of an axis."""
MAX_NAME_LENGTH = 24
"""The maximum number of letters of a name on an axis."""
MIN_DISTANCE = 0.05
"""The distance, as a share of the axes' height, below which the labels of two lines would overlap."""
FEW_CURVES = 4
"""The number of curves from which their extremes are drawn fainter."""
DOT = 0.015
"""Half the size of a dot, as a share of an axis."""
SPREAD = 0.3
"""The width over which the dots at one position are spread, as a share of the distance between positions."""


def draw_into(axes: Axes, chart: Chart) -> list[Artist]:
    """Draw a chart into axes; return the artists of its legend."""
    axes.tick_params(labelsize=SMALL)
    drawers: dict[type, Callable[[Axes, Any], list[Artist]]] = {
        LineChart: _lines,
        DotChart: _dots,
        ScatterChart: _scatter,
        HeatChart: _heat,
        ParallelChart: _parallel,
        BarChart: _bars,
    }
    return drawers[type(chart)](axes, chart)


def colour_of(place: int | None) -> str:
    """Return the colour at an index of the palette; grey if there is none."""
    return PALE if place is None else PALETTE[place % len(PALETTE)]


def _lines(axes: Axes, chart: LineChart) -> list[Artist]:
    legend: list[Artist] = []
    for line in reversed(chart.lines):  # the first on top
        colour = colour_of(line.colour)
        if line.colour is None:
            axes.plot(line.x, line.y, color=colour, lw=0.7, alpha=0.8)
            continue
        axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.18, lw=0)
        for edge in (line.least, line.most):
            axes.plot(
                line.x, edge, color=colour, lw=0.5, alpha=0.55 if len(chart.lines) < FEW_CURVES else 0.3
            )
        dashes = DASHES[line.colour // len(PALETTE) % len(DASHES)]
        axes.plot(line.x, line.y, color=colour, lw=1.6, ls=dashes)
        legend.insert(0, Line2D([], [], color=colour, lw=1.6, ls=dashes, label=literal(line.label)))
    if any(line.colour is None for line in chart.lines):
        legend.append(Line2D([], [], color=PALE, lw=0.9, label="others"))
    if chart.band:
        legend.append(Patch(color=GREY, alpha=0.2, lw=0, label=chart.band))
    if chart.extremes:
        legend.append(Line2D([], [], color=GREY, lw=0.5, label=chart.extremes))
    _name(axes, chart.x, chart.y)
    _rules(axes, chart.rules)
    return legend


def _dots(axes: Axes, chart: DotChart) -> list[Artist]:
    places = [group.x for group in chart.groups]
    for group in chart.groups:
        x = _spread(group.x, len(group.values), places, chart.x.scale == "log")
        axes.scatter(x, group.values, s=16, color=BLUE, alpha=0.45, lw=0)
        ends = np.abs(np.array([group.interval]).T - group.mean)
        axes.errorbar(group.x, group.mean, ends, color=DARK, marker="_", ms=13, mew=2, lw=1.4, capsize=0)
    _name(axes, chart.x, chart.y)
    if not chart.x.names:
        _ticks_at(axes, places, [literal(group.label) for group in chart.groups])
    _rules(axes, chart.rules)
    return []


def _spread(x: float, n: int, places: Sequence[float], log: bool) -> Floats:
    """Return the x positions of n dots around one position: side by side, so that each is visible."""
    scaled = np.log(places) if log else np.array(places)
    gaps = np.diff(np.unique(scaled))
    width = SPREAD * (float(gaps.min()) if len(gaps) else 1.0)
    shifts = np.linspace(-width / 2, width / 2, n) if n > 1 else np.zeros(1)
    return np.asarray(x * np.exp(shifts) if log else x + shifts)


def _scatter(axes: Axes, chart: ScatterChart) -> list[Artist]:
    legend: list[Artist] = []
    for n, cloud in reversed(list(enumerate(chart.clouds))):
        colour = colour_of(cloud.colour)
        axes.scatter(cloud.x, cloud.y, s=14, color=colour, alpha=0.5, lw=0)
        axes.plot(cloud.x.mean(), cloud.y.mean(), "o", ms=9, mew=1.8, mfc="none", mec=colour)
        if cloud.colour is not None:
            label = literal("  ".join([cloud.label, *chart.seconds[n : n + 1]]))
            legend.insert(0, Line2D([], [], color=colour, marker="o", ls="", ms=5, label=label))
    _name(axes, chart.x, chart.y)
    _rules(axes, chart.rules)
    return legend


def _heat(axes: Axes, chart: HeatChart) -> list[Artist]:
    rows, columns = chart.values.shape
    axes.grid(False)
    image = axes.imshow(np.ma.masked_invalid(chart.values), cmap="cividis", aspect="auto")
    axes.set_facecolor("#eceef0")
    if rows * columns <= 150:
        middle = np.nanmean([np.nanmin(chart.values), np.nanmax(chart.values)])
        for (i, j), value in np.ndenumerate(chart.values):
            if not np.isnan(value):
                ink = "#ffffff" if value < middle else DARK
                axes.text(j, i, number(value), ha="center", va="center", fontsize=SMALL, color=ink)
    _name(axes, chart.x, Axis(chart.y.label, names=chart.y.names))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    bar = axes.get_figure(root=True).colorbar(image, ax=axes, pad=0.02)  # type: ignore[union-attr]
    bar.set_label(literal(chart.value), size=TEXT)
    bar.ax.tick_params(labelsize=SMALL)
    bar.outline.set_visible(False)
    return []


def _parallel(axes: Axes, chart: ParallelChart) -> list[Artist]:
    colours = LinearSegmentedColormap.from_list("pale to blue", [PALE, BLUE])
    for place in np.argsort(chart.shade, kind="stable"):
        shade = float(chart.shade[place])
        axes.plot(chart.places[place], color=colours(shade), lw=0.9 + 1.3 * shade, alpha=0.9)
    axes.grid(False)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_xlim(-0.25, len(chart.axes) - 0.75)
    axes.set_xticks(range(len(chart.axes)), [_cut(name) for name in chart.axes], fontsize=TEXT)
    axes.tick_params(axis="x", length=0)
    for x, ticks in enumerate(chart.ticks):
        axes.axvline(x, color=GREY, lw=0.8, zorder=3)
        for y, text in ticks:
            plate = {"facecolor": "#ffffff", "alpha": 0.75, "pad": 0.8, "lw": 0}
            axes.text(
                x + 0.02, y, literal(text), fontsize=SMALL, va="center", color=DARK, bbox=plate, zorder=4
            )
    return []


def _bars(axes: Axes, chart: BarChart) -> list[Artist]:
    places = np.arange(len(chart.bars))[::-1]
    values = np.array([bar.value for bar in chart.bars])
    ends = np.abs(np.array([bar.interval for bar in chart.bars]).T - values)
    axes.barh(places, values, height=0.5, color=BLUE, alpha=0.55)
    axes.errorbar(values, places, xerr=ends, color=DARK, ls="", lw=1.4, capsize=0)
    axes.set_yticks(places, [_cut(bar.label) for bar in chart.bars])
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0))
    axes.set_xlabel(literal(chart.x.label), fontsize=TEXT)
    axes.grid(False, axis="y")
    return []


def _name(axes: Axes, x: Axis, y: Axis) -> None:
    """Set labels, scales and ticks of both axes."""
    for side, axis, scale in ((axes.xaxis, x, axes.set_xscale), (axes.yaxis, y, axes.set_yscale)):
        side.set_label_text(literal(axis.label), size=TEXT)
        if axis.names:
            every = -(-len(axis.names) // MAX_TICKS)
            side.set_ticks(range(0, len(axis.names), every), [_cut(name) for name in axis.names[::every]])
        elif axis.scale == "log":
            scale("log")
            side.set_major_formatter(lambda value, _: axis_number(value))
            side.set_minor_formatter(lambda *_: "")
        else:
            side.set_major_formatter(lambda value, _: axis_number(value))


def _ticks_at(axes: Axes, places: Sequence[float], names: Sequence[str]) -> None:
    """Put ticks at the given positions, if there is room for them."""
    if len(places) <= MAX_TICKS:
        axes.xaxis.set_major_locator(FixedLocator(places))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda _, place: names[int(place or 0)])


def ticks_beyond_data(axes: Axes, chart: LineChart | DotChart | ScatterChart) -> None:
    """Extend each linear axis to a tick on both sides, so that no data lies beyond its last one."""
    sides = [(axes.yaxis, chart.y)] + ([] if isinstance(chart, DotChart) else [(axes.xaxis, chart.x)])
    for side, axis in sides:
        low, high = side.get_data_interval()
        if axis.scale == "linear" and not axis.names and low <= high:  # not of an empty chart
            room = 0.0 if isinstance(chart, LineChart) else DOT * (high - low)
            ticks = side.get_major_locator().tick_values(low - room, high + room)
            side.set_major_locator(FixedLocator(ticks))
            side.set_view_interval(ticks[0], ticks[-1], ignore=True)


def _rules(axes: Axes, rules: Sequence[Rule]) -> None:
    for rule in rules:
        axes.axhline(rule.value, color=DARK, lw=0.9, ls=(0, (5, 3)), zorder=1)
    low, high = axes.get_ylim()
    above = math.inf
    for rule in sorted(rules, key=lambda rule: -rule.value):
        # The labels of two close lines are on opposite sides of them.
        side = "top" if above - rule.value < MIN_DISTANCE * (high - low) else "bottom"
        place: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "ha": "right", "va": side}
        axes.text(0.995, rule.value, literal(rule.label), fontsize=SMALL, color=DARK, **place)
        above = rule.value


def _cut(name: str) -> str:
    return literal(name if len(name) <= MAX_NAME_LENGTH else f"{name[: MAX_NAME_LENGTH - 1]}…")


def literal(text: str) -> str:
    """Return a text in which a dollar sign does not start a formula in matplotlib."""
    return text.replace("$", r"\$")
