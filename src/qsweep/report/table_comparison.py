"""The section on Q-tables compared: how far seeds and variants agree, and what common actions earn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from qsweep.environments.facts import action_names
from qsweep.environments.resolved import Setting
from qsweep.environments.twins.matching import twin_of
from qsweep.errors import UsageError
from qsweep.policies.difference import Change, difference, place_of_cell
from qsweep.policies.setting import setting_of_archive
from qsweep.policies.votes import Tables, agreements, centres, most_common
from qsweep.report.charts.chart import Axis, HeatChart
from qsweep.report.comparison.studies import Study
from qsweep.report.formats import number, percent
from qsweep.report.loading.archives import archive, visits_of
from qsweep.report.q_tables import best_checkpoint
from qsweep.system.arrays import Floats
from qsweep.tracking.checkpoints import name_of
from qsweep.tracking.store import Store

VARIANTS, SEEDS = 6, 10
"""Maximum number of leading variants, and of runs of each, whose chosen Q-tables are compared."""


@dataclass(frozen=True, eq=False)
class TableComparison:
    """Q-tables of seeds and variants compared.

    chart: agreement between variants; None with one variant or one table of each. sentences: on the leader's
    seeds. header, rows: the leader's most visited cells in which its best run's action is not the most
    common; empty without any.
    """

    chart: HeatChart | None
    sentences: tuple[str, ...]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


HEADER = ("cell", "of the visits", "best run's action", "most common action", "return by it")


def table_comparison(study: Study, store: Store) -> TableComparison | None:
    """Compare the chosen Q-tables of the leading variants' runs; None if fewer than two can be compared."""
    read = {label: found for label in study.labels[:VARIANTS] if (found := _tables(study, label, store))}
    if not read:
        return None
    shares = agreements([tables for _, tables in read.values()])
    chart = _chart(list(read), [tables for _, tables in read.values()], shares) if len(read) > 1 else None
    leader = study.labels[0]
    sentences, rows = _of_seeds(leader, *read[leader]) if leader in read else ((), ())
    if (chart is None or not np.isfinite(shares).any()) and not sentences:
        return None
    return TableComparison(chart, sentences, HEADER, rows)


def _tables(study: Study, label: str, store: Store) -> tuple[Setting, Tables] | None:
    """Return a variant's setting and chosen tables, its best run's first; None if none is readable."""
    best = study.best_run(label)["run_id"]
    runs = study.of(label).sort_values("run_id", key=lambda ids: ids != best, kind="stable")
    setting, tables, visits = None, [], []
    for _, run in runs.head(SEEDS).iterrows():
        with suppress(UsageError), archive(store, str(run["run_id"]), run["artifacts"]) as history:
            counts = visits_of(store, str(run["run_id"]), run["artifacts"], history.shape[:-1])
            if counts is not None and (setting is None or history.grid == setting.grid):
                tables.append(history.q_table(name_of(best_checkpoint(history, run))))
                visits.append(counts)
                setting = setting or setting_of_archive(history)
    return (setting, Tables(setting.grid, tuple(tables), np.sum(visits, axis=0))) if setting else None


def _chart(labels: Sequence[str], variants: Sequence[Tables], shares: Floats) -> HeatChart:
    counts = [len(of.tables) for of in variants]
    pairs = np.outer(counts, counts) - np.diag(counts)
    return HeatChart(
        name="table_agreement",
        title="Agreement on the greedy action",
        caption="How often two runs' Q-tables, one of the row's variant and one of the column's, have the"
        " same greedy action, in percent of the training steps of the row's variant; on the diagonal, two"
        " seeds of a variant.",
        x=Axis("compared with", names=tuple(labels)),
        y=Axis("variant", names=tuple(labels)),
        values=(100 * shares).round(1),
        counts=pairs,
        value="agreement, %",
        counted="pairs",
    )


def _of_seeds(
    label: str, setting: Setting, of: Tables
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return sentences on a variant's seeds, and a row for each cell in which its best run is outvoted."""
    if len(of.tables) < 2 or not len(of.visited):
        return (), ()
    sentences = [f"{label}: {agreement_sentence(of)}"]
    twin = twin_of(setting.env, setting.description)
    if twin is None:
        return tuple(sentences), ()
    played = replace(setting, twin=twin)
    found = difference(played, of.tables[0], most_common(of), of.visits)
    how = "expected return, exact" if found.starts is None else f"mean return on {found.starts:,} starts"
    cells, steps = percent(found.cells), percent(found.visits)
    sentences.append(
        f"With the seeds' most common action in every cell a table earns {number(found.theirs)}, the best"
        f" run's {number(found.ours)} ({how}). They differ in {cells} of the visited cells, with {steps} of"
        " the training steps."
    )
    return tuple(sentences), tuple(_rows(played, of, found.changes))


def agreement_sentence(of: Tables) -> str:
    """Return how far the greedy actions of a variant's tables agree, by cells and by visits, in words."""
    cells, seeds = of.visited, len(of.tables)
    votes = of.votes(centres(of.grid, cells))
    pairs = (votes * (votes - 1)).sum(axis=0) / (seeds * (seeds - 1))
    shares = pairs.mean(), np.average(pairs, weights=of.visits.ravel()[cells])
    visited, weighted = (percent(float(share)) for share in shares)
    return (
        f"Two seeds taken at random agree on the greedy action in {visited} of the visited cells, or"
        f" {weighted} if cells count by their visits (mean over all pairs of {seeds} seeds)."
    )


def _rows(setting: Setting, of: Tables, changes: Sequence[Change]) -> Iterator[tuple[str, ...]]:
    about = setting.description
    names = action_names(setting.env.id, about.actions, about.first_action)
    for change in changes:
        [votes] = of.votes(centres(of.grid, np.array([change.cell]))).T
        tally = f"{names[change.theirs]} ({votes[change.theirs]} of {len(of.tables)})"
        place = place_of_cell(setting, change.cell)
        yield (
            place,
            f"{change.visits:.1%}",
            names[change.ours],
            tally,
            f"{change.gain:+.4g}" if change.gain else "0",
        )
