"""What a figure shows, apart from how it is drawn: matplotlib draws it into a file, the page into SVG.

Every chart can also be read as a table. Numbers that are missing are NaN.
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

Floats = npt.NDArray[np.float64]
Row = tuple[str, ...]

TABLED = 11
"""Points of a line that its table lists."""


@dataclass(frozen=True)
class Axis:
    """A side of a chart. names: of categories, which stand at 0, 1, 2, ...; empty on a scale of numbers."""

    label: str
    scale: Literal["linear", "log"] = "linear"
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """A line across the chart at a value that is known beforehand: the optimum, the solved line."""

    value: float
    label: str


@dataclass(frozen=True, eq=False)
class Line:
    """A curve with its band: x and y [n]; low and high [n], least and most [n], all NaN where unknown.

    colour: its place in the palette; None: one of many, in grey.
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
    """What every chart has."""

    name: str
    title: str
    caption: str


@dataclass(frozen=True, eq=False)
class LineChart(_Titled):
    """Curves over one x. band: what low and high are; extremes: what least and most are; "" for nothing."""

    x: Axis
    y: Axis
    lines: tuple[Line, ...]
    rules: tuple[Rule, ...] = ()
    band: str = ""
    extremes: str = ""

    def header(self) -> Row:
        """The heads of the table: the x, then every line."""
        return (self.x.label, *(line.label for line in self.lines))

    def rows(self) -> Iterator[Row]:
        """The lines at some values of x, evenly spaced."""
        shown = [line for line in self.lines if len(line.x)]
        if not shown:
            return
        first, last = min(line.x[0] for line in shown), max(line.x[-1] for line in shown)
        for at in np.linspace(first, last, TABLED):
            cells = [with_interval(*_at(line, float(at))) for line in self.lines]
            yield (plain(float(at)), *cells)


@dataclass(frozen=True, eq=False)
class Dots:
    """Dots at one place of x, a name each, with their mean and its interval."""

    label: str
    x: float
    values: Floats
    names: tuple[str, ...]
    mean: float
    interval: Interval


@dataclass(frozen=True, eq=False)
class DotChart(_Titled):
    """Every value as a dot, in groups along x."""

    x: Axis
    y: Axis
    groups: tuple[Dots, ...]
    rules: tuple[Rule, ...] = ()

    def header(self) -> Row:
        """The heads of the table."""
        return (self.x.label, "dots", f"mean {self.y.label} (95% interval)", "lowest", "highest")

    def rows(self) -> Iterator[Row]:
        """A group a row."""
        for group in self.groups:
            ends = (number(float(group.values.min())), number(float(group.values.max())))
            mean = with_interval(group.mean, *group.interval)
            yield (group.label, str(len(group.values)), mean, *ends)


@dataclass(frozen=True, eq=False)
class ScatterChart(_Titled):
    """Two numbers of everything: a label, its mean x and y, and all its values x [n], y [n], names [n]."""

    x: Axis
    y: Axis
    clouds: tuple[Cloud, ...]
    rules: tuple[Rule, ...] = ()

    def header(self) -> Row:
        """The heads of the table."""
        return ("variant", f"mean {self.x.label}", f"mean {self.y.label}")

    def rows(self) -> Iterator[Row]:
        """A cloud a row."""
        for cloud in self.clouds:
            yield (cloud.label, number(float(cloud.x.mean())), number(float(cloud.y.mean())))


@dataclass(frozen=True, eq=False)
class Cloud:
    """The dots of one variant: x [n], y [n], a name each. colour: as a line's."""

    label: str
    x: Floats
    y: Floats
    names: tuple[str, ...]
    colour: int | None = None


@dataclass(frozen=True, eq=False)
class HeatChart(_Titled):
    """A value for each pair: values and counts [rows, columns], NaN and 0 where there is none."""

    x: Axis
    y: Axis
    values: Floats
    counts: npt.NDArray[np.int64]
    value: str

    def header(self) -> Row:
        """The heads of the table."""
        return (f"{self.y.label} \\ {self.x.label}", *self.x.names)

    def rows(self) -> Iterator[Row]:
        """A row of the map a row, the first at the top."""
        for name, values in zip(self.y.names, self.values, strict=True):
            yield (name, *(number(float(value)) if not math.isnan(value) else "-" for value in values))


@dataclass(frozen=True, eq=False)
class ParallelChart(_Titled):
    """Variants as lines over one axis for each hyperparameter; the last axis is the score.

    places [variants, axes]: from 0 (bottom) to 1. ticks: of each axis, (place, text). words: of each
    variant what its line is at each axis. shade [variants]: 0 (the lowest score) to 1.
    """

    axes: tuple[str, ...]
    ticks: tuple[tuple[tuple[float, str], ...], ...]
    labels: tuple[str, ...]
    places: Floats
    words: tuple[Row, ...]
    shade: Floats

    def header(self) -> Row:
        """The heads of the table."""
        return self.axes

    def rows(self) -> Iterator[Row]:
        """A variant a row."""
        yield from self.words


@dataclass(frozen=True, eq=False)
class Bar:
    """A length with its interval."""

    label: str
    value: float
    interval: Interval


@dataclass(frozen=True, eq=False)
class BarChart(_Titled):
    """Lengths from 0 to 1."""

    x: Axis
    bars: tuple[Bar, ...]

    def header(self) -> Row:
        """The heads of the table."""
        return ("", f"{self.x.label} (95% interval)")

    def rows(self) -> Iterator[Row]:
        """A bar a row."""
        for bar in self.bars:
            yield (bar.label, with_interval(bar.value, *bar.interval))


Chart = LineChart | DotChart | ScatterChart | HeatChart | ParallelChart | BarChart


@dataclass(frozen=True)
class LeftOut:
    """A figure that does not apply, and a sentence that says why."""

    name: str
    why: str


def plain(value: float) -> str:
    """A number on an axis: whole ones in full, with commas."""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == round(value) else number(value)


def _at(line: Line, x: float) -> tuple[float, float, float]:
    """A line and its band where its point is nearest to x; NaN beyond its ends."""
    if not len(line.x) or not line.x[0] <= x <= line.x[-1]:
        return math.nan, math.nan, math.nan
    nearest = int(np.abs(line.x - x).argmin())
    return float(line.y[nearest]), float(line.low[nearest]), float(line.high[nearest])


def unknown(n: int) -> Floats:
    """A band that is not known: NaN [n]."""
    return np.full(n, np.nan)


def positions(values: Sequence[float], factor: float = 5) -> Literal["linear", "log"]:
    """The scale on which values lie apart best: a logarithmic one if they span such a factor."""
    return "log" if min(values) > 0 and max(values) / min(values) >= factor else "linear"
