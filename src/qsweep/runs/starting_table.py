"""The trained Q-table that a run starts from: found by its name, checked against the run's grid, recorded."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence

import numpy as np

from qsweep.config import Config
from qsweep.environments.grid import Grid
from qsweep.environments.resolved import Resolved, Start
from qsweep.errors import Problem, UsageError, collecting
from qsweep.plan.composition import Job, Plan, repeated
from qsweep.plan.conf import quoted
from qsweep.plan.overrides import FROM
from qsweep.policies.policy import Policy
from qsweep.policies.registry.fetching import named
from qsweep.system.arrays import QTable, is_finite

KEY = "initial_q.from"


def with_starts(plan: Plan) -> Plan:
    """Return a plan whose runs hold the Q-tables that they start from, named by run and checkpoint.

    Raises UsageError if a name is unknown, a table does not fit its run, or two runs become equal.
    """
    if not any(job.config.initial_q.from_ for job in plan.jobs):
        return plan
    problems: list[Problem] = []
    jobs: list[Job] = []
    found = Tables()
    for job in plan.jobs:
        with collecting(problems):
            jobs.append(_with_start(job, found))
    problems += repeated(jobs)
    if problems:
        raise UsageError(problems)
    return dataclasses.replace(plan, jobs=tuple(jobs))


def _with_start(job: Job, found: Tables) -> Job:
    resolved = found.started(job.resolved)
    return dataclasses.replace(job, resolved=resolved, overrides=named_by_run(job.overrides, resolved.config))


def named_by_run(overrides: Sequence[str], config: Config) -> tuple[str, ...]:
    """Return overrides that name the table of a resolved config as its record does: by run and checkpoint.

    Other names may stand for another table later.
    """
    name = config.initial_q.from_
    others = (line for line in overrides if not line.lstrip("+").startswith(FROM))
    if not name:
        return tuple(overrides)
    plain = re.fullmatch(r"[-@./\w]+", name)
    return (*others, f"{FROM}{name if plain else quoted(name)}")


class Tables:
    """The trained Q-tables that runs start from; each is read once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], tuple[Policy, bool]] = {}

    def started(self, run: Resolved) -> Resolved:
        """Return a run with the Q-table that it starts from, if it names one, and the table's hash.

        Raises UsageError if the name is unknown, or the table is not the recorded one or does not fit.
        """
        start, tracking = run.config.initial_q, run.config.tracking
        if start.from_ is None:
            return run
        policy, in_store = self._policy(start.from_, "auto" if tracking.uri == "none" else tracking.uri)
        origin = policy.origin
        if start.sha256 not in (None, origin["sha256"]):
            rule = f"must be the Q-table with the hash {start.sha256}, but now has {origin['sha256']}"
            raise UsageError([Problem(KEY, rule, start.from_)])
        if problems := [*_problems(run, policy)]:
            raise UsageError(problems)
        name = f"{origin['run_id']}/{origin['checkpoint']}" if in_store else start.from_
        kept = dataclasses.replace(start, from_=name, sha256=origin["sha256"])
        table = Start(_masked(run, policy.q_table), origin["run_id"], origin["checkpoint"])
        return dataclasses.replace(run.changed(initial_q=kept), start=table)

    def _policy(self, name: str, uri: str) -> tuple[Policy, bool]:
        """Return what a name stands for, and whether it is in the store: otherwise it is a folder."""
        if (name, uri) not in self._found:
            try:
                policy, source = named(name, uri)
                self._found[name, uri] = policy, source == policy.came_from
            except UsageError as error:
                raise UsageError(
                    dataclasses.replace(each, key=KEY) if each.key == "name" else each
                    for each in error.problems
                ) from error
        return self._found[name, uri]


def _problems(run: Resolved, policy: Policy) -> Iterator[Problem]:
    """Yield why a Q-table does not fit a run."""
    here, there = (_shape(run.grid, run.description.actions), _shape(policy.grid, policy.actions))
    if (run.grid, run.description.actions) != (policy.grid, policy.actions):
        there = "other bounds or edges" if here == there else there
        rule = f"must have this run's grid ({here}), but has {there}"
        yield Problem(KEY, rule, run.config.initial_q.from_, _remedy(run, policy))
    elif not is_finite(policy.q_table[_mask(run)]).all():
        yield Problem(KEY, "must have finite values", run.config.initial_q.from_)


def _shape(grid: Grid, actions: int) -> str:
    tilings = f"{grid.tilings} tilings of " if grid.tilings > 1 else ""
    return f"{tilings}{' x '.join(map(str, grid.buckets))} buckets, {actions} actions"


def _remedy(run: Resolved, policy: Policy) -> str:
    """Return the key that makes a table fit, if it is the number of buckets alone that differs."""
    same = dataclasses.replace(policy.grid, buckets=run.grid.buckets) == run.grid
    buckets: Sequence[int] = policy.grid.buckets
    text = str(buckets[0]) if len(set(buckets)) == 1 else f"[{','.join(map(str, buckets))}]"
    return f"set buckets={text}" if same and policy.actions == run.description.actions else ""


def _mask(run: Resolved) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Return which values of a run's table belong to actions that exist, bool[shape]."""
    available = run.description.available
    if not available:
        return np.ones(run.shape, np.bool_)
    mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = (
        np.arange(run.shape[-1]) < np.array(available)[:, None]
    )
    return mask.reshape(run.shape)


def _masked(run: Resolved, table: QTable) -> QTable:
    masked: QTable = np.where(_mask(run), table, -np.inf)
    return masked
