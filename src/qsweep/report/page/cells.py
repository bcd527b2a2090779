"""The cells of the page's sortable tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import pandas as pd

from qsweep.report.formats import number
from qsweep.system.arrays import Floats

SEEDS = 60
"""Approximate number of seeds drawn as dots in a row of the leaderboard."""
WIDTH, MARGIN = 130, 6
"""Size of the picture in a row of the leaderboard, in pixels."""


@dataclass(frozen=True)
class Column:
    """A column head. number: sorted numerically. fixed: not sortable. sort: initial direction, if any."""

    title: str
    help: str = ""
    number: bool = False
    fixed: bool = False
    sort: str = ""


@dataclass(frozen=True)
class Cell:
    """A cell. sort: its sort key, "" if missing. command: one to copy.

    For kind "spread": x-coordinates of its dots, mean and interval, in pixels.
    """

    text: str = ""
    sort: str = ""
    kind: Literal["text", "number", "label", "spread"] = "text"
    colour: int | None = None
    href: str = ""
    title: str = ""
    command: str = ""
    dots: tuple[float, ...] = ()
    mean: float = 0.0
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class SortableTable:
    """A table that can be sorted and filtered. hint: an example of a filter."""

    id: str
    caption: str
    hint: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


def text_of(value: Any) -> str:
    """Return a value as text, "" if missing."""
    return "" if value is None or pd.isna(value) else str(value)


def number_cell(value: Any, text: str | None = None, title: str = "") -> Cell:
    """Return the cell of a number, shown as `text` if given, sorted last if missing."""
    if value is None or pd.isna(value):
        return Cell("-", "", "number")
    return Cell(number(float(value)) if text is None else text, repr(float(value)), "number", title=title)


def interval(low: float, high: float) -> str:
    """Return an interval as text."""
    return "-" if pd.isna(low) else f"{number(low)} to {number(high)}"


def link_cell(text: str, ui: str, experiment: str, run: str, command: Any = None) -> Cell:
    """Return a link to a run in the MLflow UI at the address `ui`, with a command to copy if there is one."""
    address = f"{ui}/#/experiments/{quote(experiment, safe='')}/runs/{quote(run, safe='')}"
    return Cell(text, text, href=address, title=f"run {run}", command=text_of(command))


def spread_cell(row: dict[Any, Any], scores: Floats, ends: tuple[float, float]) -> Cell:
    """Return the picture of seeds, mean and interval, on the scale `ends` shared by all rows."""
    span = (ends[1] - ends[0]) or 1.0

    def place(value: float) -> float:
        return round(MARGIN + (WIDTH - 2 * MARGIN) * (value - ends[0]) / span, 1)

    shown: Sequence[float] = sorted(scores.tolist())[:: max(1, len(scores) // SEEDS)]
    low, high = (None if pd.isna(row[end]) else place(row[end]) for end in ("mean_low", "mean_high"))
    seeds = f"{len(scores)} from {number(row['worst'])} to {number(row['best'])}"
    words = f"mean {number(row['mean'])}; seeds: {seeds}"
    dots, mean = tuple(map(place, shown)), place(row["mean"])
    return Cell(kind="spread", title=words, dots=dots, mean=mean, low=low, high=high)
