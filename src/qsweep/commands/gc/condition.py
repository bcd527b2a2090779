"""Select runs to delete by age and rank, and checkpoints to keep by their place in the history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import pandas as pd

from qsweep.errors import Problem, UsageError
from qsweep.report.comparison.variants import variants
from qsweep.report.loading.selection import moment
from qsweep.tracking.stored_run import StoredRun


@dataclass(frozen=True)
class Condition:
    """The options of `qsweep gc`.

    older_than: an age such as 30d, or a date. keep_best: number of variants to keep in each experiment or
    sweep, ranked as in a report; with an age, only older runs are deleted. thin: keep every n-th
    checkpoint; keep_checkpoints: keep about this number, evenly spaced. purge: delete permanently,
    including runs already in the trash that meet the age.
    """

    older_than: str | None = None
    keep_best: int | None = None
    thin: int | None = None
    keep_checkpoints: int | None = None
    purge: bool = False

    @property
    def of_runs(self) -> bool:
        """True if it selects runs to delete."""
        return self.older_than is not None or self.keep_best is not None

    @property
    def of_checkpoints(self) -> bool:
        """True if it selects checkpoints to delete."""
        return self.thin is not None or self.keep_checkpoints is not None

    def problems(self) -> Iterator[Problem]:
        """Yield the invalid options; a condition must select something."""
        if not (self.of_runs or self.of_checkpoints or self.purge):
            rule = "needs a condition on what to delete"
            remedy = (
                "--older-than 30d, --keep-best 10, --thin-checkpoints 10, --keep-checkpoints 100 or --purge"
            )
            yield Problem("qsweep gc", rule, None, remedy)
        for option in ("keep_best", "thin", "keep_checkpoints"):
            value, name = getattr(self, option), OPTIONS[option]
            if value is not None and value < 1:
                yield Problem(name, "must be a whole number of at least 1", value)
        if self.thin and self.keep_checkpoints:
            yield Problem(
                "--keep-checkpoints", "cannot be combined with --thin-checkpoints", None, "give only one"
            )
        if self.older_than is not None:
            try:
                moment(self.older_than, pd.Timestamp.now(tz="UTC"))
            except UsageError as error:
                yield Problem("--older-than", error.problems[0].rule, self.older_than)

    def old(self, started: pd.Series) -> pd.Series:
        """Return which start times (UTC) meet the age; all if none is given."""
        if self.older_than is None:
            return pd.Series(True, index=started.index)
        return started < moment(self.older_than, pd.Timestamp.now(tz="UTC"))


OPTIONS = {"keep_best": "--keep-best", "thin": "--thin-checkpoints", "keep_checkpoints": "--keep-checkpoints"}


def runs_to_delete(runs: pd.DataFrame, condition: Condition) -> list[str]:
    """Return the ids of the runs that meet a condition, except RUNNING ones; runs: as of `runs_in`."""
    if runs.empty or not condition.of_runs:
        return []
    going = condition.old(runs["started"]) & (runs["status"] != "RUNNING")
    if condition.keep_best is not None:
        going &= ~runs["variant"].isin(_best(runs, condition.keep_best))
    return [str(run_id) for run_id in runs["run_id"][going]]


def _best(runs: pd.DataFrame, count: int) -> set[str]:
    """Return the best variants, over their seeds, of each experiment and environment."""
    names: set[str] = set()
    for _, group in runs.groupby(["experiment", "environment"], dropna=False):
        ranked = variants(group)
        names |= set(ranked["variant"][:count]) if len(ranked) else set(group["variant"])
    return names


def with_parents(
    deleted: Set[str], runs: Mapping[str, StoredRun], needed: Set[str], children: Mapping[str, str]
) -> list[str]:
    """Return the ids of `deleted`, then of the parents that keep no run.

    needed: runs that must stay. children: the parents of all runs outside the trash, by the runs' ids, also
    of those that cannot be read.
    """
    kept = {run.parent for run in runs.values() if run.run_id not in deleted and not run.deleted}
    kept |= {parent for run_id, parent in children.items() if run_id not in deleted} | set(needed)
    parents = {runs[run_id].parent for run_id in deleted if runs[run_id].parent in runs}
    gone = {p for p in parents - kept if runs[p].status != "RUNNING" and not runs[p].deleted}
    return [*sorted(deleted), *sorted(gone - set(deleted))]


def kept_checkpoints(episodes: Sequence[int], chosen: Set[int], condition: Condition) -> list[int]:
    """Return the checkpoints to keep, ascending: the last, the chosen, and evenly spaced ones."""
    if condition.thin:
        spaced = episodes[condition.thin - 1 :: condition.thin]
    else:
        assert condition.keep_checkpoints
        step = -(-len(episodes) // condition.keep_checkpoints)
        spaced = episodes[step - 1 :: step]
    return sorted({*spaced, *episodes[-1:], *(chosen & set(episodes))})
