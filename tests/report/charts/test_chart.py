from __future__ import annotations

import math

import numpy as np
import pytest

from qsweep.report.charts.chart import (
    Axis,
    Bar,
    BarChart,
    Cloud,
    DotChart,
    Dots,
    HeatChart,
    Line,
    LineChart,
    ParallelChart,
    ScatterChart,
    axis_number,
    best_scale,
    no_values,
)


def line(label: str, x: list[float], y: list[float], low: list[float] | None = None) -> Line:
    n = len(x)
    band = no_values(n) if low is None else np.array(low)
    return Line(label, np.array(x), np.array(y), band, band + 2, no_values(n), no_values(n), 0)


def test_a_line_chart_as_a_table() -> None:
    """The table has eleven values of x, with the nearest point of each curve and its band."""
    x = [float(n) for n in range(0, 101, 5)]
    chart = LineChart(
        "n", "t", "c", Axis("episode"), Axis("return"), (line("a", x, x, x), line("b", [0, 50], [1, 2]))
    )
    rows = list(chart.rows())
    assert chart.header() == ("episode", "a", "b")
    assert len(rows) == 11
    assert rows[0] == ("0", "0 (0 to 2)", "1")
    assert rows[5] == ("50", "50 (50 to 52)", "2")
    assert rows[-1] == ("100", "100 (100 to 102)", "-")


def test_a_line_chart_without_lines() -> None:
    """A chart without curves has no rows."""
    assert list(LineChart("n", "t", "c", Axis("x"), Axis("y"), ()).rows()) == []


def test_a_dot_chart_as_a_table() -> None:
    """The table has one row per group: number, mean with interval, lowest and highest."""
    dots = Dots("20", 20.0, np.array([-150.0, -140.0]), ("a", "b"), -145.0, (-150.0, -140.0))
    one = Dots("40", 40.0, np.array([-130.5]), ("c",), -130.5, (math.nan, math.nan))
    chart = DotChart("n", "t", "c", Axis("buckets"), Axis("score"), (dots, one))
    assert chart.header() == ("buckets", "dots", "mean score (95% interval)", "lowest", "highest")
    assert list(chart.rows()) == [
        ("20", "2", "-145 (-150 to -140)", "-150", "-140"),
        ("40", "1", "-130.5", "-130.5", "-130.5"),
    ]


def test_a_scatter_chart_as_a_table() -> None:
    """The table has one row per variant, with its means."""
    cloud = Cloud("a", np.array([1.0, 2.0]), np.array([-10.0, -20.0]), ("x", "y"))
    chart = ScatterChart("n", "t", "c", Axis("seconds"), Axis("score"), (cloud,))
    assert list(chart.rows()) == [("a", "1.5", "-15")]


def test_a_heat_chart_as_a_table() -> None:
    """The table has the rows of the map; pairs without a run are dashes."""
    values, counts = np.array([[1.0, math.nan], [3.0, 4.0]]), np.array([[1, 0], [1, 1]])
    x, y = Axis("x", names=("1", "2")), Axis("y", names=("b", "a"))
    chart = HeatChart("n", "t", "c", x, y, values, counts, "score")
    assert chart.header() == ("y \\ x", "1", "2")
    assert list(chart.rows()) == [("b", "1", "-"), ("a", "3", "4")]


def test_other_charts_as_tables() -> None:
    """Parallel coordinates list their variants, and a bar chart its bars."""
    words = (("20", "-150"), ("40", "-140"))
    chart = ParallelChart(
        "n", "t", "c", ("buckets", "score"), ((), ()), ("a", "b"), np.zeros((2, 2)), words, np.zeros(2)
    )
    assert (chart.header(), list(chart.rows())) == (("buckets", "score"), list(words))
    bars = BarChart("n", "t", "c", Axis("share"), (Bar("buckets", 0.75, (0.5, 0.9)),))
    assert list(bars.rows()) == [("buckets", "0.75 (0.5 to 0.9)")]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (25_000.0, "25,000"), (12_345.6, "12,346"), (-97.656, "-97.66"), (0.5, "0.5")],
)
def test_numbers_on_an_axis(value: float, text: str) -> None:
    """Integers and large numbers are written in full, others with four digits."""
    assert axis_number(value) == text


def test_the_best_scale() -> None:
    """Positive values that span a factor of five or more have a logarithmic scale."""
    assert best_scale([0.01, 0.1, 1.0]) == "log"
    assert best_scale([10.0, 20.0, 30.0, 40.0]) == "linear"
    assert best_scale([0.0, 0.1, 1.0]) == "linear"
    assert best_scale([1.0, 10.0], factor=20) == "linear"
