"""What is to go: runs by their age and rank, checkpoints by their place in the history."""

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
    """What the user asked for.

    older_than: an age such as 30d, or a date. keep_best: of each experiment or sweep, the runs of how many
    variants stay, the first in the order of a report; with an age only older ones go. thin: of a history
    every how many checkpoints stay; keep_checkpoints: about how many stay, evenly spaced. purge: what is
    deleted is gone for good, with what was deleted before and meets the age.
    """

    older_than: str | None = None
    keep_best: int | None = None
    thin: int | None = None
    keep_checkpoints: int | None = None
    purge: bool = False

    @property
    def of_runs(self) -> bool:
        """Whether runs are to go."""
        return self.older_than is not None or self.keep_best is not None

    @property
    def of_checkpoints(self) -> bool:
        """Whether histories are to be thinned."""
        return self.thin is not None or self.keep_checkpoints is not None

    def problems(self) -> Iterator[Problem]:
        """What is wrong with it, above all if it asks for nothing."""
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
        """Whether the age is met, by when runs started (UTC); by all where none is given."""
        if self.older_than is None:
            return pd.Series(True, index=started.index)
        return started < moment(self.older_than, pd.Timestamp.now(tz="UTC"))


OPTIONS = {"keep_best": "--keep-best", "thin": "--thin-checkpoints", "keep_checkpoints": "--keep-checkpoints"}


def doomed(runs: pd.DataFrame, condition: Condition) -> list[str]:
    """The ids of the runs that meet a condition, a frame as `load_runs` gives it; none that is RUNNING."""
    if runs.empty or not condition.of_runs:
        return []
    going = condition.old(runs["started"]) & (runs["status"] != "RUNNING")
    if condition.keep_best is not None:
        going &= ~runs["variant"].isin(_best(runs, condition.keep_best))
    return [str(run_id) for run_id in runs["run_id"][going]]


def _best(runs: pd.DataFrame, count: int) -> set[str]:
    """The best variants of each experiment and environment, over their seeds."""
    names: set[str] = set()
    for _, group in runs.groupby(["experiment", "environment"], dropna=False):
        ranked = variants(group)
        names |= set(ranked["variant"][:count]) if len(ranked) else set(group["variant"])
    return names


def with_parents(doomed: Set[str], runs: Mapping[str, StoredRun]) -> list[str]:
    """Those runs, then the parents none of whose runs stay."""
    staying = {run.parent for run in runs.values() if run.run_id not in doomed and not run.deleted}
    parents = {runs[run_id].parent for run_id in doomed if runs[run_id].parent in runs}
    gone = {p for p in parents - staying if runs[p].status != "RUNNING" and not runs[p].deleted}
    return [*sorted(doomed), *sorted(gone - set(doomed))]


def staying(episodes: Sequence[int], chosen: Set[int], condition: Condition) -> list[int]:
    """The checkpoints of a history that stay, ascending: the last, the chosen, and evenly spaced ones."""
    if condition.thin:
        spaced = episodes[condition.thin - 1 :: condition.thin]
    else:
        assert condition.keep_checkpoints
        step = -(-len(episodes) // condition.keep_checkpoints)
        spaced = episodes[step - 1 :: step]
    return sorted({*spaced, *episodes[-1:], *(chosen & set(episodes))})
