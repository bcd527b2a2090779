"""The result of a sweep: its runs and variants as frames, its verdict, its charts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qsweep.commands.api.run import Run, load_run
from qsweep.errors import Problem, UsageError, closest
from qsweep.report.comparison.standings import standings, together
from qsweep.report.comparison.studies import SEED, Study, studies
from qsweep.report.contents import references
from qsweep.report.displays import Picture, html_table, image, paragraph, picture_of, titled
from qsweep.report.formats import number, with_interval
from qsweep.report.loading.curves import Histories, histories
from qsweep.report.loading.runs import children
from qsweep.report.loading.selection import CONFIRM, Selection
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import SCORE

if TYPE_CHECKING:  # slow to import
    import pandas as pd

    from qsweep.report.charts.chart import Chart
    from qsweep.report.folder import Report

HEADER = ("variant", "seeds", "mean score (95% interval)", "SD", "worst", "best")
SHOWN = 20
"""Maximum number of variants of an environment in a notebook's table."""


@dataclass(frozen=True, eq=False)
class SweepResult:
    """A sweep that has ended. parent: the id of its parent run. failed: the error of each failed run."""

    store: Store
    name: str
    parent: str
    failed: tuple[str, ...] = ()

    @cached_property
    def runs(self) -> pd.DataFrame:
        """All runs, one row each, as `qsweep.load_runs` returns them; those on fresh seeds are included."""
        found = children(self.store, self.parent)
        return found[found["sweep"].isin([self.name, f"{self.name}{CONFIRM}"])].reset_index(drop=True)

    @cached_property
    def variants(self) -> pd.DataFrame:
        """The variants, one row each, the leader first, as `qsweep.load_variants` returns them."""
        read = self._histories
        return together(standings(study, read) for study in self._studies)

    @property
    def verdict(self) -> str:
        """Whether a variant is significantly better than all others: one sentence per environment."""
        return "\n".join(self._headline(study) for study in self._studies)

    @property
    def best(self) -> Run:
        """The best run of the leading variant, of the environment with the most runs.

        Raises UsageError if no run has a score.
        """
        if not len(self.variants):
            raise UsageError([Problem("sweep", "must have a run with a score", self.name)])
        return load_run(str(self.variants["best_run"].iloc[0]), self.store.uri)

    def plot(self, chart: str = "learning_curves") -> Picture:
        """Draw a chart of the report, of the environment with the most runs.

        chart: learning_curves, greedy_curves, score_by_KEY, heat_map, profiles, steps_and_score, best_run.
        Raises UsageError, which lists the charts of this sweep, for any other.
        """
        from qsweep.report.contents import contents
        from qsweep.report.figures import draw  # matplotlib is slow to import

        if chart == "learning_curves":
            return picture_of(draw(self._learning_curves()))
        made = contents(self.store, self.runs, Selection(self.name))
        charts = {each.name: each for section in made.sections[:1] for each in section.charts}
        if chart not in charts:
            raise UsageError([Problem("chart", "must be a chart", chart, closest(chart, charts))])
        return picture_of(draw(charts[chart]))

    def report(self, out: str | Path | None = None) -> Report:
        """Write the report into a folder, as `qsweep report` does, and return its place and verdict.

        Raises UsageError if the folder exists and is no report.
        """
        from qsweep.report.folder import report  # matplotlib is slow to import

        return report(self.store, Selection(self.name), Path(out) if out else None)

    @cached_property
    def _studies(self) -> list[Study]:
        runs = self.runs
        return studies(runs, SCORE, None, np.random.default_rng(SEED)) if len(runs) else []

    @cached_property
    def _histories(self) -> Histories:
        return histories(self.store, self.runs)

    def _learning_curves(self) -> Chart:
        from qsweep.report.charts.chart import LeftOut
        from qsweep.report.charts.curve_charts import learning_curves

        for study in self._studies[:1]:
            generator = np.random.default_rng(SEED)
            chart = learning_curves(study, self._histories, references(study), generator)
            if not isinstance(chart, LeftOut):
                return chart
        raise UsageError([Problem("sweep", "must have a finished run with a curve", self.name)])

    def _headline(self, study: Study) -> str:
        prefix = f"{study.title}: " if len(self._studies) > 1 else ""
        return f"{prefix}{study.verdict.headline}"

    def __repr__(self) -> str:
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return f"Sweep {self.name}: {len(self.runs)} runs{failed}\n{self.verdict}"

    def _repr_html_(self) -> str:
        parts = [html for study in self._studies for html in self._study(study)]
        parts += [paragraph(f"failed: {error}") for error in self.failed]
        if any(len(study.counted) for study in self._studies[:1]):
            parts.append(image(self.plot(), 720))
        return titled(f"Sweep {self.name}: {len(self.runs)} runs", *parts)

    def _study(self, study: Study) -> Iterator[str]:
        yield paragraph(self._headline(study))
        rows = []
        for row in study.verdict.rows[:SHOWN]:
            of = row.summary
            spread = "-" if of.n < 2 else f"{of.sd:.2g}"
            mean = with_interval(of.mean, *of.interval)
            rows.append((row.label, str(of.n), mean, spread, number(of.worst), number(of.best)))
        yield html_table(rows, HEADER)
