"""Everything that a report says, gathered from a store; how it is written is another matter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from qsweep.report.charts.chart import Chart, LeftOut
from qsweep.report.charts.curve_charts import best_run, greedy_curves, learning_curves
from qsweep.report.charts.key_charts import heat_map, importance_chart, important_keys, parallel_coordinates
from qsweep.report.charts.references import references
from qsweep.report.charts.score_charts import profiles, score_by_key, time_and_score
from qsweep.report.charts.search_progress import search_progress
from qsweep.report.comparison.courses import findings_by_variant
from qsweep.report.comparison.standings import standings
from qsweep.report.comparison.studies import SEED, Study, studies
from qsweep.report.loading.curves import Histories, histories
from qsweep.report.loading.selection import Selection
from qsweep.report.q_tables import Film, films
from qsweep.tracking.store import Store

KEYS = 12
"""Hyperparameters that have a chart of their own, at most."""


@dataclass(frozen=True, eq=False)
class Section:
    """What is said of one environment.

    standings: the frame of that name. findings: label -> sentences. charts, left_out: the figures, and
    those that do not apply. films: the Q-tables of the leading variants.
    """

    study: Study
    standings: pd.DataFrame
    findings: dict[str, tuple[str, ...]]
    charts: tuple[Chart, ...]
    left_out: tuple[LeftOut, ...]
    films: tuple[Film, ...]


@dataclass(frozen=True, eq=False)
class Contents:
    """A report. title: the experiment's or the sweep's name. runs: all that were selected."""

    title: str
    selection: Selection
    runs: pd.DataFrame
    sections: tuple[Section, ...]
    made: pd.Timestamp


def contents(store: Store, runs: pd.DataFrame, selection: Selection) -> Contents:
    """Compare runs, environment by environment.

    runs: as `selected` gives them. Raises UsageError where the baseline is none of the variants.
    """
    generator = np.random.default_rng(SEED)
    found = studies(runs, selection.metric, selection.baseline, generator)
    sections = tuple(_section(study, store, generator) for study in found)
    return Contents(selection.name, selection, runs, sections, pd.Timestamp.now(tz="UTC"))


def _section(study: Study, store: Store, generator: np.random.Generator) -> Section:
    read = histories(store, study.counted) if len(study.counted) else {}
    drawn = list(_figures(study, read, generator)) if len(study.counted) else []
    return Section(
        study=study,
        standings=standings(study, read),
        findings=findings_by_variant(study, read, store),
        charts=tuple(chart for chart in drawn if not isinstance(chart, LeftOut)),
        left_out=tuple(chart for chart in drawn if isinstance(chart, LeftOut)),
        films=tuple(films(study, read, store)),
    )


def _figures(study: Study, read: Histories, generator: np.random.Generator) -> Iterator[Chart | LeftOut]:
    """Every figure, in the order in which a reader looks at them."""
    rules = references(study)
    of_scores = rules if "return" in study.metric else ()
    important = important_keys(study, generator)
    yield learning_curves(study, read, rules, generator)
    yield greedy_curves(study, read, rules, generator)
    yield from search_progress(study, tuple(of_scores))
    for key in study.keys[:KEYS]:
        yield score_by_key(study, key, of_scores, generator)
    yield heat_map(study, important)
    yield importance_chart(study, important)
    yield parallel_coordinates(study)
    yield profiles(study)
    yield time_and_score(study, of_scores)
    yield best_run(study, read, rules)


RUNS = 2000
"""Runs that the page lists; `runs.csv` lists all."""
