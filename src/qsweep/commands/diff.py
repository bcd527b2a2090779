"""`qsweep diff`: where the greedy actions of two Q-tables differ, and what that costs in return."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qsweep.environments.facts import action_names
from qsweep.environments.grid import Grid
from qsweep.environments.resolved import Setting
from qsweep.errors import Problem, UsageError
from qsweep.policies.difference import Difference, difference, place_of_cell
from qsweep.policies.policy import Policy
from qsweep.policies.registry.fetching import fetch
from qsweep.policies.registry.names import resolve
from qsweep.report.formats import number
from qsweep.report.loading.archives import visits_of
from qsweep.system.atomic_files import temporary_folder
from qsweep.tracking.run_search import run_of
from qsweep.tracking.store import Store
from qsweep.tracking.visits import Visits


@dataclass(frozen=True)
class Diff:
    """Two policies and their difference. weighted: whether visits were recorded; if not, all cells count."""

    setting: Setting
    names: tuple[str, str]
    found: Difference
    weighted: bool

    def __str__(self) -> str:
        found, (ours, theirs) = self.found, self.names
        how = "expected return, exact" if found.starts is None else f"mean return on {found.starts:,} starts"
        weights = "of the training steps began in them" if self.weighted else "(no visits were recorded)"
        lines = [
            f"{self.setting.env.id}: {ours} against {theirs}",
            f"return    {number(found.ours)} against {number(found.theirs)} ({how})",
            f"actions   differ in {found.cells:.1%} of the visited cells; {found.visits:.1%} {weights}",
        ]
        if found.changes:
            lines += [f"The most visited of them, and what {ours} would gain by the other action:"]
        return "\n".join([*lines, *self._changes()])

    def _changes(self) -> Iterator[str]:
        about = self.setting.description
        actions = action_names(self.setting.env.id, about.actions, about.first_action)
        for change in self.found.changes:
            place = place_of_cell(self.setting, change.cell)
            pair = f"{actions[change.ours]} -> {actions[change.theirs]}"
            yield f"  {change.visits:6.1%} of visits  {place}: {pair}  {change.gain:+.4g}"


def diff(store: Store, ours: str, theirs: str) -> Diff:
    """Compare the policies that two names stand for.

    Raises UsageError if a name is unknown, or their environments or buckets differ.
    """
    policies, visits = [], []
    for name in (ours, theirs):
        with temporary_folder() as scratch:
            policy = fetch(store, resolve(store, name), Path(scratch))
        policies.append(policy)
        visits.append(_visits(store, policy))
    _check(policies, theirs)
    known = [each for each in visits if each is not None]
    shape = policies[0].grid.shape
    counts = sum(known, np.zeros(shape, np.int64)) if known else np.ones(shape, np.int64)
    setting = policies[0].setting()
    found = difference(setting, policies[0].q_table, policies[1].q_table, counts)
    return Diff(setting, (ours, theirs), found, bool(known))


def _visits(store: Store, policy: Policy) -> Visits | None:
    try:
        run = run_of(store, policy.origin["run_id"])
    except (UsageError, OSError, KeyError):  # a registered version outlives its run
        return None
    return visits_of(store, run.run_id, run.artifacts, policy.grid.shape)


def _check(policies: list[Policy], name: str) -> None:
    one, other = policies
    same = one.env == other.env, _cells(one.grid) == _cells(other.grid), one.grid.tilings == 1
    rules = (
        "must be of the same environment, with the same arguments and step limit",
        "must have the same buckets and bounds",
        "must have one cell for each state: tiles cannot be compared cell by cell",
    )
    values = other.env_id, str(list(other.grid.buckets)), f"{one.grid.tilings} tilings"
    problems = [
        Problem(name, rule, value)
        for holds, rule, value in zip(same, rules, values, strict=True)
        if not holds
    ]
    if problems:
        raise UsageError(problems)


def _cells(grid: Grid) -> object:
    return grid.low, grid.high, grid.buckets, grid.edges
