"""The report as one self-contained HTML page."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from qsweep.report import words
from qsweep.report.charts.chart import Chart
from qsweep.report.contents import Contents, Section
from qsweep.report.page.page_tables import leaderboard, runs_table
from qsweep.report.page.rendering import Q_TABLE_SCRIPTS, rendered

UI = "http://127.0.0.1:5000"
"""Default address of `qsweep ui`."""
DIGITS = 6
"""Significant digits of a number in a chart."""


def page(contents: Contents, command: str, ui: str = UI) -> str:
    """Return the page as HTML. command: the one that made it. ui: address of the MLflow UI for links.

    All text from a store is escaped, by the template or in the JSON that the page's script reads, and the
    page's policy allows no script but its own.
    """
    sections = [_section(section, f"s{n}", ui) for n, section in enumerate(contents.sections, start=1)]
    return rendered(
        "page.html.j2",
        (*Q_TABLE_SCRIPTS, "tables.js"),
        name=contents.title,
        summary=words.summary(contents),
        nothing=words.NOTHING,
        sections=sections,
        data=_data(contents),
        made=f"{contents.made:%Y-%m-%d %H:%M} UTC",
        command=command,
        ui=ui,
    )


def _section(section: Section, place: str, ui: str) -> dict[str, Any]:
    """Return the template's values of a section. place: its id in the page."""
    study = section.study
    parts = {
        "verdict": "Verdict",
        "leaderboard": "Leaderboard" if len(section.standings) else "",
        "figures": "Figures" if section.charts or section.left_out else "",
        "tables": "Q-tables" if section.q_tables else "",
        "compared": "Q-tables compared" if section.compared else "",
        "runs": "Runs",
        "lineage": "Provenance",
    }
    return {
        "id": place,
        "study": study,
        "parts": [{"id": key, "title": title} for key, title in parts.items() if title],
        "fresh": list(words.on_fresh_seeds(study)),
        "baseline": list(words.against_baseline(study)),
        "findings": list(section.findings.items()),
        "notes": list(words.notes(study)),
        "variants": leaderboard(section, place, ui),
        "charts": section.charts,
        "left_out": [left.why for left in section.left_out],
        "films": section.q_tables,
        "compared": section.compared,
        "runs": runs_table(section, place, ui),
        "more_runs": words.more_runs(study),
        "lineage": list(words.lineage(study)),
        "shared": words.shared(study),
    }


def _data(contents: Contents) -> dict[str, Any]:
    """Return the data that the page's script draws: charts and Q-tables by their keys in the template."""
    charts: dict[str, Any] = {}
    films: dict[str, Any] = {}
    for place, section in ((f"s{n}", section) for n, section in enumerate(contents.sections, start=1)):
        charts |= {f"{place}-{chart.name}": as_data(chart) for chart in section.drawn}
        films |= {f"{place}-{n}": film for n, film in enumerate(section.q_tables)}
    return {"charts": charts, "films": films}


def as_data(chart: Chart) -> dict[str, Any]:
    """Return a chart as plain values: numbers rounded, NaN as None, an all-NaN array as []."""
    fields = {field.name: _plain(getattr(chart, field.name)) for field in dataclasses.fields(chart)}
    fields = {name: value for name, value in fields.items() if name not in ("name", "title", "caption")}
    return {"kind": type(chart).__name__, **fields}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "f" and value.ndim == 1 and np.isnan(value).all():
            return []
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return value
