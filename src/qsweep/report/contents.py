"""The contents of a report, computed from a store, independent of the output format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from qsweep.report.charts.chart import Chart, LeftOut, Rule
from qsweep.report.charts.curve_charts import best_run, greedy_curves, learning_curves
from qsweep.report.charts.key_charts import heat_map, importance_chart, important_keys, parallel_coordinates
from qsweep.report.charts.score_charts import profiles, score_by_key, steps_and_score
from qsweep.report.charts.search_progress import search_progress
from qsweep.report.comparison.standings import optimum, solved_at, standings
from qsweep.report.comparison.studies import SEED, Study, studies
from qsweep.report.comparison.training_curves import findings_by_variant
from qsweep.report.discretisation import aliasing_finding
from qsweep.report.formats import number
from qsweep.report.loading.curves import Histories, histories
from qsweep.report.loading.selection import Selection
from qsweep.report.q_tables import q_table_series
from qsweep.report.table_comparison import TableComparison, table_comparison
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import SCORE

KEYS = 12
"""Maximum number of hyperparameters with a chart of their own."""


@dataclass(frozen=True, eq=False)
class Section:
    """The part of a report on one environment.

    standings: as `standings` returns it. findings: label -> sentences. charts: the figures; left_out: those
    that do not apply. q_tables: as `q_table_series` returns them. compared: those of seeds and variants.
    """

    study: Study
    standings: pd.DataFrame
    findings: dict[str, tuple[str, ...]]
    charts: tuple[Chart, ...]
    left_out: tuple[LeftOut, ...]
    q_tables: tuple[dict[str, Any], ...]
    compared: TableComparison | None = None

    @property
    def drawn(self) -> tuple[Chart, ...]:
        """All figures, that of the Q-tables compared last."""
        last = self.compared.chart if self.compared else None
        return (*self.charts, last) if last else self.charts


@dataclass(frozen=True, eq=False)
class Contents:
    """A report. title: the experiment's or the sweep's name. runs: all selected runs."""

    title: str
    runs: pd.DataFrame
    sections: tuple[Section, ...]
    made: pd.Timestamp


def contents(store: Store, runs: pd.DataFrame, selection: Selection) -> Contents:
    """Compare runs within each environment.

    runs: as `selected` returns them. Raises UsageError if no variant matches the baseline.
    """
    generator = np.random.default_rng(SEED)
    found = studies(runs, selection.metric, selection.baseline, generator)
    sections = tuple(_section(study, store, generator) for study in found)
    return Contents(selection.name, runs, sections, pd.Timestamp.now(tz="UTC"))


def _section(study: Study, store: Store, generator: np.random.Generator) -> Section:
    read = histories(store, study.counted) if len(study.counted) else {}
    drawn = list(_figures(study, read, generator)) if len(study.counted) else []
    return Section(
        study=study,
        standings=standings(study, read),
        findings=_findings(study, read, store),
        charts=tuple(chart for chart in drawn if not isinstance(chart, LeftOut)),
        left_out=tuple(chart for chart in drawn if isinstance(chart, LeftOut)),
        q_tables=tuple(q_table_series(study, read, store)),
        compared=table_comparison(study, store) if study.labels else None,
    )


def _findings(study: Study, read: Histories, store: Store) -> dict[str, tuple[str, ...]]:
    """Return label -> sentences on its training, and of the leader on the discretisation."""
    found = findings_by_variant(study, read, store)
    for leader in study.labels[:1]:
        if of_tables := aliasing_finding(study, leader, store):
            found = {leader: (*found.pop(leader, ()), of_tables), **found}
    return found


def _figures(study: Study, read: Histories, generator: np.random.Generator) -> Iterator[Chart | LeftOut]:
    """Yield every figure in the order of the page."""
    rules = references(study)
    of_scores = rules if "return" in study.metric or study.metric == SCORE else ()
    important = important_keys(study, generator)
    if len(study.counted) == 1:
        yield best_run(study, read, rules)
    else:
        yield learning_curves(study, read, rules, generator)
    yield greedy_curves(study, read, rules, generator)
    yield from search_progress(study, tuple(of_scores))
    for key in study.keys[:KEYS]:
        yield score_by_key(study, key, of_scores, generator)
    yield heat_map(study, important)
    yield importance_chart(study, important)
    yield parallel_coordinates(study)
    yield profiles(study)
    yield steps_and_score(study, of_scores)


def references(study: Study) -> tuple[Rule, ...]:
    """Return the lines to draw across charts of returns, if they are known of the study's environment.

    An environment is solved at the threshold of Gymnasium's specification, if it is used as registered.
    """
    rules = []
    best = optimum(study)
    if best is not None:
        rules.append(Rule(best, f"optimum {number(best)}"))
    solved = solved_at(study)
    if solved is not None and solved != best:
        rules.append(Rule(solved, f"solved {number(solved)}"))
    return tuple(rules)


RUNS = 2000
"""Maximum number of runs that the page lists; `runs.csv` lists all."""
