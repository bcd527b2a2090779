"""Charts at the width of a column of a paper, without title: the paper's own caption says what they show."""

from __future__ import annotations

from pathlib import Path

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import AutoLocator, MaxNLocator

from qsweep.report.charts.chart import Chart, DotChart, LineChart, ScatterChart
from qsweep.report.charts.marks import GREY, draw_into, ticks_beyond_data
from qsweep.report.figures import save

WIDTH, HEIGHT = 3.25, 2.3
"""Size of a figure in inches."""
TEXT = 7.0
"""Font size in points."""
TICKS = 5
"""Maximum number of intervals between ticks of a linear axis."""


def paper_figure(chart: Chart) -> Figure:
    """Draw a chart for a column of a paper."""
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.grid(color=GREY, alpha=0.2, lw=0.4)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    legend = draw_into(axes, chart)
    for side in (axes.xaxis, axes.yaxis):
        if isinstance(side.get_major_locator(), AutoLocator):
            side.set_major_locator(MaxNLocator(TICKS, steps=[1, 2, 2.5, 5, 10]))
    if isinstance(chart, LineChart | DotChart | ScatterChart):
        ticks_beyond_data(axes, chart)
    if legend:
        figure.legend(
            handles=legend,
            loc="outside upper left",
            ncols=2,
            frameon=False,
            handlelength=1.2,
            columnspacing=1.0,
            labelspacing=0.3,
        )
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        text.set_fontsize(TEXT)
    return figure


def write_pdf(chart: Chart, path: Path) -> None:
    """Write a chart as a PDF file whose fonts are embedded as TrueType, as publishers ask for."""
    with matplotlib.rc_context({"pdf.fonttype": 42}):
        save(paper_figure(chart), path)
