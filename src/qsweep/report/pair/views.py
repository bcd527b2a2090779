"""Two runs side by side, printed in the terminal and as HTML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from qsweep.report.charts.chart import Axis, Line, LineChart, no_values
from qsweep.report.displays import html_table, image, paragraph, picture_of
from qsweep.report.pair import rows
from qsweep.report.pair.pair import ConfigRow, Pair, Side
from qsweep.tracking.run_ids import short

if TYPE_CHECKING:  # matplotlib is slow to import
    from matplotlib.figure import Figure

MARK = "*"
"""Marks a differing value where bold letters cannot be seen."""


def show(pair: Pair, console: Console) -> None:
    """Print configs, results, curves and the differences."""
    for title, lines in (("Results", list(rows.results(pair))), ("Config", list(_texts(pair)))):
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for heading in ("", *_headings(pair)):
            table.add_column(escape(heading), overflow="fold")
        for name, first, second in lines:
            bold = title == "Config" and name.startswith(MARK)
            table.add_row(*map(escape, (name, first, second)), style="bold" if bold else "")
        console.print(table)
        console.print()
    if curve := rows.curves(pair):
        scale, *of_each = curve
        console.print(f"Average return while training, {scale}:", highlight=False)
        for heading, bars in zip(_headings(pair), of_each, strict=True):
            console.print(f"{bars}  {escape(heading)}", highlight=False)
        console.print()
    for sentence in rows.sentences(pair):
        console.print(escape(sentence), soft_wrap=True, highlight=False)


def _headings(pair: Pair) -> tuple[str, str]:
    first, second = (f"{side.name} ({short(side.record.run_id)})" for side in pair.sides)
    return first, second


def _texts(pair: Pair) -> Iterator[rows.Row]:
    for row in pair.configs:
        yield f"{MARK if row.differs else ' '} {row.key}", *row.values


def html(pair: Pair) -> str:
    """Return the comparison as HTML: tables, learning curves, and where the Q-tables differ."""
    header = ("", *_headings(pair))
    parts = [paragraph(sentence) for sentence in rows.sentences(pair)]
    parts += [html_table(rows.results(pair), header), _configs(pair.configs, header)]
    parts += [image(picture_of(figure), 620) for figure in _figures(pair)]
    return "".join(parts)


def _configs(configs: tuple[ConfigRow, ...], header: tuple[str, ...]) -> str:
    differing = html_table(((row.key, *row.values) for row in configs if row.differs), header, bold=True)
    equal = html_table(((row.key, row.values[0]) for row in configs if not row.differs), ("key", "both"))
    count = sum(not row.differs for row in configs)
    return f"{differing}<details><summary>{count} equal keys</summary>{equal}</details>"


def _figures(pair: Pair) -> Iterator[Figure]:
    from qsweep.pictures.table_comparison import difference_map  # matplotlib is slow to import
    from qsweep.report.figures import draw

    lines = tuple(_line(side, number) for number, side in enumerate(pair.sides) if side.curve is not None)
    if lines:
        axes = Axis("episode"), Axis("return, trailing average")
        caption = "Lines: average over the trailing window. Thin lines: minimum and maximum in it."
        yield draw(LineChart("curves", "Learning curves", caption, *axes, lines, extremes="minimum, maximum"))
    if pair.layout is not None:
        first, second = pair.sides
        words = f"{second.name} minus {first.name}"
        yield difference_map(pair.layout, first.q_table, second.q_table, "Where the Q-tables differ", words)


def _line(side: Side, colour: int) -> Line:
    assert side.curve is not None
    x = side.curve.episodes.astype(np.float64)
    average, low, high = (side.curve.values[f"train/return_{name}"] for name in ("avg", "min", "max"))
    nothing = no_values(len(x))
    return Line(side.name, x, average, nothing, nothing, low, high, colour)
