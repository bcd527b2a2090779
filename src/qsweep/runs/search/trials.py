"""The runs of a search's trials: jobs of a sweep, launched together."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from qsweep.plan import composition
from qsweep.plan.composition import Job
from qsweep.runs.journal import Ended
from qsweep.runs.search.loop import RunRequest, RunScore
from qsweep.runs.search.planning import SearchPlan
from qsweep.runs.starting_table import Tables
from qsweep.tracking.store import Store

LaunchJobs = Callable[[Sequence[Job], str], Sequence[Ended]]
"""Trains jobs under a sweep's name; returns how each ended, in order: `executor.Executor.run`.

An outcome holds `run_id`; that of a run trained by this launch also holds `scores`, the validation scores of
its evaluated checkpoints.
"""


def train_runs(
    plan: SearchPlan, launch: LaunchJobs, store: Store | None, requests: Sequence[RunRequest]
) -> list[RunScore]:
    """Launch all requested runs together; with the first arguments bound, this is a `TrainRuns`.

    store: has the runs that an earlier launch finished; None if runs are not recorded.
    """
    jobs = [job(plan, request.overrides, request.seed) for request in requests]
    return [_score(ended, store) for ended in launch(jobs, plan.name)]


def job(plan: SearchPlan, overrides: Sequence[str], seed: int) -> Job:
    """Return a trial's run of one seed as a job."""
    own = (*overrides, f"seed={seed}")
    lines = (*plan.fixed, *own)
    tasks = tuple(line for line in lines if not line.startswith(("hydra.", "hydra/")))
    name = ",".join(line.lstrip("+") for line in own)[:200]
    return Job(tasks, name, Tables().started(composition.load_resolved(lines)))


def _score(ended: Ended, store: Store | None) -> RunScore:
    if ended.error:
        return RunScore("", math.nan, ended.error)
    run_id = str(ended.outcome["run_id"])
    scores = ended.outcome.get("scores")
    if not scores and store is not None:  # of a run that an earlier launch finished only the id is known
        scores = [point.value for point in store.client.get_metric_history(run_id, "eval/return_mean")]
    if not scores:
        return RunScore(run_id, math.nan, "the run has no validation score")
    return RunScore(run_id, max(scores))
