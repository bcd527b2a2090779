"""Charts as matplotlib figures, in one style that is safe for colour-blind readers."""

from __future__ import annotations

import textwrap
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from qsweep.pictures.sheets import columns_of
from qsweep.pictures.svg import SVG, svg
from qsweep.report.charts.chart import Chart, DotChart, LineChart, ScatterChart
from qsweep.report.charts.marks import DARK, GREY, SMALL, draw_into, ticks_beyond_data
from qsweep.system.atomic_files import write_bytes

WIDTH, HEIGHT = 8.0, 5.0
"""Size of a figure in inches."""
LINE = 0.19
"""Height of a line of text in inches."""
TITLE = 11
"""Font size of a title in points."""
FAST = 1
"""The level of compression of a PNG: files are a tenth larger than at 6, and written in half the time."""


def draw(chart: Chart) -> Figure:
    """Draw a chart as a figure with title, caption, legend and axes."""
    figure, axes = _figure()
    legend = draw_into(axes, chart)
    caption = textwrap.wrap(chart.caption, 118)
    columns = columns_of(legend, WIDTH - 0.2)
    rows = -(-len(legend) // columns)
    lines = [(chart.title, TITLE, DARK), *((line, SMALL, GREY) for line in caption)]
    for number, (text, size, colour) in enumerate(lines):
        y = 1 - (0.16 + LINE * number + 0.05 * (number > 0)) / HEIGHT
        figure.text(0.02, y, text, size=size, color=colour, va="top", parse_math=False)
    top = 0.24 + LINE * (len(lines) + rows) + 0.08 * (rows > 0)
    figure.subplots_adjust(top=1 - top / HEIGHT)
    if isinstance(chart, LineChart | DotChart | ScatterChart):
        ticks_beyond_data(axes, chart)
    _make_room(figure, axes)
    if legend:
        figure.legend(
            handles=legend,
            loc="upper left",
            bbox_to_anchor=(0.01, 1 - (0.2 + LINE * len(lines)) / HEIGHT),
            ncols=columns,
            fontsize=SMALL,
            frameon=False,
            handlelength=1.4,
            columnspacing=1.4,
            labelspacing=0.35,
        )
    return figure


def _make_room(figure: Figure, axes: Axes) -> None:
    """Shrink the axes so that tick labels and axis names stay inside the figure."""
    margin, width = 6.0, figure.bbox.width
    renderer: Any = figure.canvas.get_renderer()  # type: ignore[attr-defined]  # Agg's
    boxes = [side.get_tightbbox(renderer) for side in (axes.xaxis, axes.yaxis)]
    left = max(margin - min(box.x0 for box in boxes if box), 0.0)
    right = max(margin + max(box.x1 for box in boxes if box) - width, 0.0)
    places = figure.subplotpars
    figure.subplots_adjust(left=places.left + left / width, right=places.right - right / width)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG, SVG or PDF file, whole or not at all. Files are reproducible."""
    kind, drawn = path.suffix.lower()[1:], BytesIO()
    if kind == "svg" and figure.get_layout_engine() is None:
        drawn.write(svg(figure))
    elif kind == "svg":  # laid out anew for each kind of file
        with matplotlib.rc_context(SVG):
            figure.savefig(drawn, format=kind, metadata={"Date": None})
    elif kind == "pdf":
        figure.savefig(drawn, format=kind, metadata={"CreationDate": None})
    else:
        figure.savefig(drawn, format=kind, pil_kwargs={"compress_level": FAST})
    write_bytes(path, drawn.getvalue())


def _figure() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=120)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    # Fixed margins: a layout engine takes as long as drawing.
    figure.subplots_adjust(left=0.1, right=0.98, top=0.93, bottom=0.1)
    axes.grid(color=GREY, alpha=0.2, lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
