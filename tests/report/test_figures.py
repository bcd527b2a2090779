from __future__ import annotations

import xml.etree.ElementTree as ET
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from PIL import Image

from qsweep.report.charts.chart import (
    Axis,
    Bar,
    BarChart,
    Chart,
    Cloud,
    DotChart,
    Dots,
    HeatChart,
    Line,
    LineChart,
    ParallelChart,
    Rule,
    ScatterChart,
    no_values,
)
from qsweep.report.charts.marks import PALETTE, colour_of
from qsweep.report.figures import draw, save

X = np.linspace(0, 1000, 21)
NAME = "a <b> $x_1$ & é"
"""A label that is neither markup nor mathematics."""


def line(label: str, colour: int | None) -> Line:
    return Line(label, X, -X, -X - 5, -X + 5, -X - 20, -X + 20, colour)


CHARTS: dict[str, Chart] = {
    "lines": LineChart(
        "lines",
        "Learning curves",
        "What it shows. " * 20,
        Axis("episode"),
        Axis("return"),
        (line(NAME, 0), line("b", 1), line("c", None)),
        (Rule(3.0, "optimum 3"),),
        "95% interval",
        "lowest and highest",
    ),
    "dots": DotChart(
        "dots",
        NAME,
        "",
        Axis("learning_rate", "log"),
        Axis("score"),
        (
            Dots("0.01", 0.01, np.array([1.0, 2.0]), ("x", "y"), 1.5, (1.0, 2.0)),
            Dots("1", 1.0, np.array([3.0]), ("z",), 3.0, (np.nan, np.nan)),
        ),
    ),
    "words": DotChart(
        "words",
        "By schedule",
        "",
        Axis("schedule", names=("linear", NAME)),
        Axis("score"),
        tuple(Dots(n, x, np.array([x]), (n,), x, (x, x)) for x, n in ((0.0, "linear"), (1.0, NAME))),
    ),
    "scatter": ScatterChart(
        "scatter",
        "Time",
        "",
        Axis("seconds", "log"),
        Axis("score"),
        (Cloud(NAME, np.array([0.1, 10.0]), np.array([1.0, 2.0]), ("x", "y"), 0),),
    ),
    "heat": HeatChart(
        "heat",
        "Heat",
        "",
        Axis("x", names=("1", "2")),
        Axis("y", names=("b", NAME)),
        np.array([[1.0, np.nan], [2.0, 3.0]]),
        np.array([[1, 0], [1, 1]]),
        "score",
    ),
    "parallel": ParallelChart(
        "parallel",
        "Parallel",
        "",
        ("buckets", NAME, "score"),
        (((0.0, "10"), (1.0, "20")), ((0.5, "0.1"),), ((0.0, "-2"), (1.0, "-1"))),
        ("a", "b"),
        np.array([[0.0, 0.5, 0.0], [1.0, 0.5, 1.0]]),
        (("10", "0.1", "-2"), ("20", "0.1", "-1")),
        np.array([0.0, 1.0]),
    ),
    "bars": BarChart(
        "bars", "Bars", "", Axis("share"), (Bar(NAME, 0.7, (0.5, 0.8)), Bar("b", 0.1, (0, 0.2)))
    ),
}


def texts(figure: Figure) -> list[str]:
    """Return all text of a figure."""
    with TemporaryDirectory() as folder:
        save(figure, Path(folder) / "a.svg")
        tree = ET.parse(Path(folder) / "a.svg")
    return ["".join(part.itertext()) for part in tree.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_is_drawn(name: str) -> None:
    """A chart becomes a figure with title and labels, as PNG of 960 x 600 and as SVG with its text."""
    chart = CHARTS[name]
    figure = draw(chart)
    file = BytesIO()
    figure.savefig(file)
    assert Image.open(file).size == (960, 600)
    assert chart.title in texts(draw(chart))


@pytest.mark.parametrize("name", CHARTS)
def test_nothing_is_drawn_outside(name: str) -> None:
    """All text of a figure lies inside it."""
    figure = draw(CHARTS[name])
    figure.canvas.draw()
    drawn, page = figure.get_tightbbox(), figure.bbox_inches
    assert drawn.x0 >= page.x0
    assert drawn.x1 <= page.x1
    assert drawn.y0 >= page.y0
    assert drawn.y1 <= page.y1


def test_labels_are_taken_as_they_are() -> None:
    """A dollar or an angle bracket in a label is neither mathematics nor markup."""
    assert any(NAME in text for text in texts(draw(CHARTS["lines"])))


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_a_figure_comes_out_the_same_twice(kind: str, tmp_path: Path) -> None:
    """The same chart gives the same file."""
    for name in "ab":
        save(draw(CHARTS["lines"]), tmp_path / f"{name}.{kind}")
    assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


def luminance(colour: str) -> float:
    """Relative luminance as WCAG defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_colours_are_of_the_palette_for_colour_blind_people() -> None:
    """Lines have six of the eight Okabe-Ito colours, with enough contrast on white; further ones are grey."""
    okabe_ito = {"#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#000000"}
    assert set(PALETTE) < okabe_ito
    assert len(set(PALETTE)) == 6
    assert all(1.05 / (luminance(colour) + 0.05) > 2 for colour in PALETTE)
    assert colour_of(0) == "#0072b2"
    assert colour_of(None) not in PALETTE


@pytest.mark.parametrize("name", ["lines", "dots", "words", "scatter"])
def test_no_data_lies_beyond_the_last_tick(name: str) -> None:
    """The first and the last tick of a linear axis enclose the data and the lines across."""
    chart = CHARTS[name]
    axes = draw(chart).axes[0]
    sides = {"y": axes.yaxis} | ({"x": axes.xaxis} if name == "lines" else {})
    for side in sides.values():
        low, high = side.get_data_interval()
        ticks = side.get_majorticklocs()
        assert ticks[0] <= low < high <= ticks[-1]
        assert tuple(side.get_view_interval()) == (ticks[0], ticks[-1])


def test_dots_stay_near_their_value() -> None:
    """Dots at swept values lie within 15% of the smallest distance between values."""
    groups = [Dots(f"{x}", x, np.zeros(9), ("",) * 9, 0.0, (0.0, 0.0)) for x in (10.0, 12.0, 40.0)]
    axes = draw(DotChart("a", "a", "", Axis("buckets"), Axis("score"), tuple(groups))).axes[0]
    dots = [part for part in axes.collections if isinstance(part, PathCollection)]
    places = np.concatenate([np.asarray(part.get_offsets())[:, 0] for part in dots])
    assert len(places) == 27
    nearest = np.abs(np.asarray(places)[:, np.newaxis] - [10, 12, 40]).min(axis=1)
    assert nearest.max() <= 0.15 * 2 + 1e-9


def test_a_dot_chart_of_one_place() -> None:
    """A single value can be drawn."""
    one = Dots("10", 10.0, np.array([1.0, 2.0]), ("x", "y"), 1.5, (1.0, 2.0))
    figure = draw(DotChart("n", "t", "c", Axis("buckets"), Axis("score"), (one,)))
    assert len(figure.axes[0].collections[0].get_offsets()) == 2


def test_a_line_without_a_band() -> None:
    """A curve without a band is drawn as a line."""
    alone = Line("a", X, X, no_values(21), no_values(21), no_values(21), no_values(21), 0)
    figure = draw(LineChart("n", "t", "c", Axis("x"), Axis("y"), (alone,)))
    figure.canvas.draw()
    assert figure.axes[0].lines[-1].get_ydata().tolist() == X.tolist()
