"""A page in which a policy plays, offline: its environment, its Q-table, a slider over checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from qsweep.config import with_slashes
from qsweep.errors import UsageError
from qsweep.pictures.layouts import layout
from qsweep.policies.policy import Policy
from qsweep.report.loading.archives import archive, visits_of
from qsweep.report.page.rendering import playground
from qsweep.report.q_tables import CHECKPOINTS, PLAY_BYTES, evenly, table_series
from qsweep.system.arrays import QTable
from qsweep.tracking.run_search import run_of
from qsweep.tracking.store import Store
from qsweep.tracking.visits import Visits

PAGE = "play.html"
"""The page in a pulled folder."""


def play_page(policy: Policy, store: Store | None = None) -> str | None:
    """Return the page as HTML; None if it cannot step the policy's environment, or the table is too large.

    store: where the policy's run is, for the other checkpoints; without it, or the run, there is one.
    """
    number = int(policy.origin["checkpoint"][2:])
    others, visits, counted = _others(policy, store)
    tables = {**others, number: policy.q_table}
    setting, episodes = policy.setting(), int(policy.config["evaluation"]["test_episodes"])
    drawn = layout(setting, visits if policy.q_table.ndim > 3 else None)
    series = table_series(setting, drawn, sorted(tables.items()), number, episodes, visits, counted)
    title, run = policy.env_id, with_slashes(str(policy.origin["run_name"]), policy.env_id)
    return None if series["play"] is None else playground(title, run, series)


def _others(policy: Policy, store: Store | None) -> tuple[Mapping[int, QTable], Visits | None, str]:
    """Return some of the run's Q-tables by their number of episodes, and its visits; none if unreadable.

    The third says what the visits are, as for `table_series`.
    """
    with suppress(UsageError, OSError):
        if store is not None:
            run = run_of(store, policy.origin["run_id"])
            with archive(store, run.run_id, run.artifacts) as history:
                if history.shape == policy.q_table.shape and policy.q_table.nbytes <= PLAY_BYTES:
                    shown = evenly(history.stored.tolist(), CHECKPOINTS)
                    tables = {n: table.copy() for n, table in history.tables(shown)}
                    visits = visits_of(store, run.run_id, run.artifacts, history.shape[:-1])
                    if visits is None:
                        return tables, history.changes(), "changes"
                    return tables, visits, "visits"
    return {}, None, "visits"
