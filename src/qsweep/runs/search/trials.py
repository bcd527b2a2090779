"""The runs of a search's trials: jobs of a sweep, launched together."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from qsweep.plan import composition
from qsweep.plan.composition import Job
from qsweep.runs.journal import Ended
from qsweep.runs.search.loop import RunRequest, RunScore
from qsweep.runs.search.planning import SearchPlan
from qsweep.tracking.store import Store

LaunchJobs = Callable[[Sequence[Job], str], Sequence[Ended]]
"""Trains jobs under a sweep's name; returns how each ended, in any order: `executor.Executor.run`.

The jobs of all launches are numbered from 0. An outcome holds `run_id`; that of a run trained by this launch
also holds `scores`, the validation scores of its evaluated checkpoints.
"""


class TrialRuns:
    """Trains the runs that trials request, as `TrainRuns`. count: of all runs so far.

    store: has the runs that an earlier launch finished; None if runs are not recorded.
    """

    def __init__(self, plan: SearchPlan, launch: LaunchJobs, store: Store | None = None) -> None:
        self._plan, self._launch, self._store = plan, launch, store
        self.count = 0

    def __call__(self, requests: Sequence[RunRequest]) -> list[RunScore]:
        """Launch all requested runs together. A run that reported no result has failed."""
        jobs = [job(self._plan, request.overrides, request.seed) for request in requests]
        numbers = range(self.count, self.count + len(jobs))
        self.count += len(jobs)
        ended = {each.number: each for each in self._launch(jobs, self._plan.name)}
        return [
            _score(ended[number], self._store)
            if number in ended
            else RunScore("", math.nan, "the worker ended without reporting a result")
            for number in numbers
        ]


def job(plan: SearchPlan, overrides: Sequence[str], seed: int) -> Job:
    """Return a trial's run of one seed as a job."""
    own = (*overrides, f"seed={seed}")
    lines = (*plan.fixed, *own)
    tasks = tuple(line for line in lines if not line.startswith(("hydra.", "hydra/")))
    name = ",".join(line.lstrip("+") for line in own)[:200]
    return Job(tasks, name, composition.load_resolved(lines))


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
