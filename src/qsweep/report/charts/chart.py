"""The content of charts, independent of their drawing: matplotlib draws them to files, the page as SVG.

Every chart can also be read as a table. Missing numbers are NaN.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from qsweep.report.formats import number, with_interval
from qsweep.report.statistics.summaries import Interval
from qsweep.system.arrays import Floats

TextRow = tuple[str, ...]

TABLE_POINTS = 11
"""The number of points of a curve that its table lists."""


@dataclass(frozen=True)
class Axis:
    """An axis of a chart. names: the categories at 0, 1, 2, ...; empty on a numeric scale."""

    label: str
    scale: Literal["linear", "log"] = "linear"
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """A horizontal line at a known value: the optimum, the return at which an environment is solved."""

    value: float
    label: str


@dataclass(frozen=True, eq=False)
class Line:
    """A line x, y [n] with its band low, high [n] and its extremes least, most [n], NaN where unknown.

    colour: its index in the palette; None: grey.
    """

    label: str
    x: Floats
    y: Floats
    low: Floats
    high: Floats
    least: Floats
    most: Floats
    colour: int | None = None


@dataclass(frozen=True, eq=False)
class _Titled:
    """The name, title and caption that every chart has."""

    name: str
    title: str
    caption: str


@dataclass(frozen=True, eq=False)
class LineChart(_Titled):
    """Curves over a common x. band, extremes: the legend's texts for low and high, and least and most."""

    x: Axis
    y: Axis
    lines: tuple[Line, ...]
    rules: tuple[Rule, ...] = ()
    band: str = ""
    extremes: str = ""

    def header(self) -> TextRow:
        """Return the table's header: the x axis, then every curve."""
        return (self.x.label, *(line.label for line in self.lines))

    def rows(self) -> Iterator[TextRow]:
        """Yield the curves' values at evenly spaced values of x."""
        shown = [line for line in self.lines if len(line.x)]
        if not shown:
            return
        first, last = min(line.x[0] for line in shown), max(line.x[-1] for line in shown)
        for at in np.linspace(first, last, TABLE_POINTS):
            cells = [with_interval(*_at(line, float(at))) for line in self.lines]
            yield (axis_number(float(at)), *cells)


@dataclass(frozen=True, eq=False)
class Dots:
    """Named values at one x, with their mean and its interval."""

    label: str
    x: float
    values: Floats
    names: tuple[str, ...]
    mean: float
    interval: Interval


@dataclass(frozen=True, eq=False)
class DotChart(_Titled):
    """Groups of values along x, each value a dot."""

    x: Axis
    y: Axis
    groups: tuple[Dots, ...]
    rules: tuple[Rule, ...] = ()

    def header(self) -> TextRow:
        """Return the table's header."""
        return (self.x.label, "dots", f"mean {self.y.label} (95% interval)", "lowest", "highest")

    def rows(self) -> Iterator[TextRow]:
        """Yield one row per group."""
        for group in self.groups:
            ends = (number(float(group.values.min())), number(float(group.values.max())))
            mean = with_interval(group.mean, *group.interval)
            yield (group.label, str(len(group.values)), mean, *ends)


@dataclass(frozen=True, eq=False)
class ScatterChart(_Titled):
    """Clouds of points (x, y), one per variant. seconds: of training, a text per cloud; empty: none."""

    x: Axis
    y: Axis
    clouds: tuple[Cloud, ...]
    rules: tuple[Rule, ...] = ()
    seconds: TextRow = ()

    def header(self) -> TextRow:
        """Return the table's header."""
        more = ("mean seconds of training",) if self.seconds else ()
        return ("variant", f"mean {self.x.label}", f"mean {self.y.label}", *more)

    def rows(self) -> Iterator[TextRow]:
        """Yield one row per cloud."""
        for n, cloud in enumerate(self.clouds):
            means = axis_number(round(float(cloud.x.mean()), 2)), number(float(cloud.y.mean()))
            yield (cloud.label, *means, *self.seconds[n : n + 1])


@dataclass(frozen=True, eq=False)
class Cloud:
    """The named points of one variant: x [n], y [n]. colour: as a curve's."""

    label: str
    x: Floats
    y: Floats
    names: tuple[str, ...]
    colour: int | None = None


@dataclass(frozen=True, eq=False)
class HeatChart(_Titled):
    """Mean values and counts [rows, columns] for pairs of settings; NaN and 0 without. counted: of what."""

    x: Axis
    y: Axis
    values: Floats
    counts: npt.NDArray[np.int64]
    value: str
    counted: str = "runs"

    def header(self) -> TextRow:
        """Return the table's header."""
        return (f"{self.y.label} \\ {self.x.label}", *self.x.names)

    def rows(self) -> Iterator[TextRow]:
        """Yield one row per row of the map, from the top."""
        for name, values in zip(self.y.names, self.values, strict=True):
            yield (name, *(number(float(value)) if not math.isnan(value) else "-" for value in values))


@dataclass(frozen=True, eq=False)
class ParallelChart(_Titled):
    """Variants as lines over one axis per hyperparameter; the last axis is the score.

    places [variants, axes]: heights from 0 (bottom) to 1. ticks: (height, text), per axis. words: the text
    of each variant's value, per axis. shade [variants]: from 0 (the lowest score) to 1.
    """

    axes: tuple[str, ...]
    ticks: tuple[tuple[tuple[float, str], ...], ...]
    labels: tuple[str, ...]
    places: Floats
    words: tuple[TextRow, ...]
    shade: Floats

    def header(self) -> TextRow:
        """Return the table's header."""
        return self.axes

    def rows(self) -> Iterator[TextRow]:
        """Yield one row per variant."""
        yield from self.words


@dataclass(frozen=True)
class Bar:
    """A share, from 0 to 1, with its interval."""

    label: str
    value: float
    interval: Interval


@dataclass(frozen=True, eq=False)
class BarChart(_Titled):
    """Bars from 0 to 1."""

    x: Axis
    bars: tuple[Bar, ...]

    def header(self) -> TextRow:
        """Return the table's header."""
        return ("", f"{self.x.label} (95% interval)")

    def rows(self) -> Iterator[TextRow]:
        """Yield one row per bar."""
        for bar in self.bars:
            yield (bar.label, with_interval(bar.value, *bar.interval))


Chart = LineChart | DotChart | ScatterChart | HeatChart | ParallelChart | BarChart


@dataclass(frozen=True)
class LeftOut:
    """A chart that does not apply, and a sentence with the reason."""

    why: str


def axis_number(value: float) -> str:
    """Return the text of a number on an axis; integers in full, with commas."""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == round(value) else number(value)


def _at(line: Line, x: float) -> tuple[float, float, float]:
    """Return y, low and high at the curve's point nearest to x; NaN beyond its ends."""
    if not len(line.x) or not line.x[0] <= x <= line.x[-1]:
        return math.nan, math.nan, math.nan
    nearest = int(np.abs(line.x - x).argmin())
    return float(line.y[nearest]), float(line.low[nearest]), float(line.high[nearest])


def no_values(n: int) -> Floats:
    """Return NaN [n], for an unknown band."""
    return np.full(n, np.nan)


def best_scale(values: Sequence[float], factor: float = 5) -> Literal["linear", "log"]:
    """Return the scale on which values are best separated: logarithmic if they span at least `factor`."""
    return "log" if min(values) > 0 and max(values) / min(values) >= factor else "linear"
