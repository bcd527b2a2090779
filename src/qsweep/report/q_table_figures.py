"""Figures of the leading variant's Q-tables: its best run's chosen table, and agreement between seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from qsweep.errors import UsageError
from qsweep.policies.aliasing import aliasing
from qsweep.policies.setting import setting_of_archive
from qsweep.report.comparison.studies import Study
from qsweep.report.loading.archives import archive, visits_of
from qsweep.report.q_tables import best_checkpoint, layout_of
from qsweep.tracking.checkpoints import Archive, name_of
from qsweep.tracking.store import Store
from qsweep.tracking.visits import Visits

if TYPE_CHECKING:  # matplotlib is slow to import
    from matplotlib.figure import Figure

TITLES = {
    "actions": "Greedy actions",
    "policy": "Policy",
    "values": "Values",
    "visits": "Visits",
}
"""Chart -> the first words of its title."""
SEEDS = 20
"""Maximum number of runs whose greedy actions are compared."""


def q_table_figures(study: Study, store: Store) -> Iterator[tuple[str, Figure]]:
    """Yield named figures: actions, policy, value, visits, aliasing, difference, and agreement.

    Yields nothing if no run has a score or the leader's checkpoints cannot be read.
    """
    if not study.labels:
        return
    run = study.best_run(study.labels[0])
    with suppress(UsageError), archive(store, str(run["run_id"]), run["artifacts"]) as history:
        counts = visits_of(store, str(run["run_id"]), run["artifacts"], history.shape[:-1])
        yield from _of_run(history, run, counts)
        others = study.of(study.labels[0]).head(SEEDS)
        yield from _of_seeds(history, others, study.labels[0], store)


def _of_run(history: Archive, run: pd.Series, counts: Visits | None) -> Iterator[tuple[str, Figure]]:
    from qsweep.pictures.q_table import action_chart, change_map, policy_map, spread_map, value_map, visit_map
    from qsweep.pictures.table_comparison import difference_map

    layout, changes = layout_of(history), history.changes(complete=False)
    chosen, first = name_of(best_checkpoint(history, run)), name_of(int(history.stored[0]))
    table = history.q_table(chosen)
    title = f"{run['name']} · {chosen}"
    yield "actions", action_chart(layout, table, f"{TITLES['actions']} · {title}")
    yield "policy", policy_map(layout, table, f"{TITLES['policy']} · {title}", changes)
    yield "value", value_map(layout, table, f"{TITLES['values']} · {title}", changes)
    visits = f"{TITLES['visits']} · {run['name']}"
    if counts is None:
        yield "changes", change_map(layout, changes, visits)
    else:
        yield "visits", visit_map(layout, counts, visits)
    setting, discount = setting_of_archive(history), float(history.about["config"]["discount"])
    if measured := aliasing(setting, table, discount):
        yield "aliasing", spread_map(layout, measured.spread, f"Spread within cells · {title}")
    if first != chosen:
        before, words = history.q_table(first), f"{chosen} minus {first}"
        yield "difference", difference_map(layout, before, table, f"Change of values · {run['name']}", words)


def checkpoint_figures(
    history: Archive, chart: str, numbers: Sequence[int], title: str
) -> Iterator[tuple[int, Figure]]:
    """Draw a chart of some checkpoints, given ascending, in episodes: actions, policy, values or visits."""
    from qsweep.pictures import q_table

    layout = layout_of(history)
    draw = q_table.policy_map if chart == "policy" else q_table.value_map
    for number, table, changes in history.with_changes(numbers, complete=chart == "visits"):
        words = f"{TITLES[chart]} · {title} · {name_of(number)}"
        if chart == "actions":
            yield number, q_table.action_chart(layout, table, words)
        elif chart == "visits":
            yield number, q_table.change_map(layout, changes, words)
        else:
            yield number, draw(layout, table, words, changes)


def _of_seeds(history: Archive, runs: pd.DataFrame, label: str, store: Store) -> Iterator[tuple[str, Figure]]:
    from qsweep.pictures.table_comparison import agreement_map

    tables, changed = [], np.zeros(history.shape[:-1], np.int64)
    for _, run in runs.iterrows():
        with suppress(UsageError), archive(store, str(run["run_id"]), run["artifacts"]) as one:
            table, of_one = one.q_table(name_of(best_checkpoint(one, run))), one.changes(complete=False)
            tables.append(table)
            changed += of_one > 0
    if len(tables) > 1:
        title = f"Agreement of seeds · {label}"
        yield "agreement", agreement_map(layout_of(history), tables, title, changed)
