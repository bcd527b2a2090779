"""Equal runs of a single run: a finished one is kept, an interrupted one resumed, a failed one replaced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from qsweep.config import config_hash
from qsweep.plan.composition import Job
from qsweep.runs.resume import Decision, Earlier, as_earlier, decide
from qsweep.runs.runner import run_record
from qsweep.tracking import run_search
from qsweep.tracking.result_code import code_of
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import CONFIG

RECORDED = ("engine", "window", "tracking.")
"""Params that change no result but the record of a run; equal runs have equal ones."""
NOT_RECORDED = ("tracking.uri", "tracking.user")
"""Two of them: where the store is, and whose run it is, which is compared by itself."""
USER = "mlflow.user"


def decide_on(store: Store, job: Job) -> Decision:
    """Decide whether a single run is trained, resumes an earlier one, or is kept as it is.

    `replaced` are earlier runs of its name that did not finish. Runs of a multirun are not considered.
    """
    config = job.config
    found = [*_equal(store, job)]
    decision = decide(found, config.sweep.rerun, code_of(job.resolved))
    failed = {
        each.run.run_id
        for each in found
        if each.run.status != "FINISHED" and not each.alive and each.run.name == job.name
    }
    return replace(decision, replaced=tuple(each for each in decision.replaced if each in failed))


def _equal(store: Store, job: Job) -> Iterator[Earlier]:
    """Yield this user's runs, latest first, that asked for the same result and the same record."""
    config = job.config
    record = run_record(job.resolved, job.name, "")
    names = run_search.experiments(store)
    experiment = {key: name for key, name in names.items() if name == record.experiment}
    user = record.tags[USER]
    for run in run_search.runs(store, experiment, {CONFIG: config_hash(config)}):
        if run.parent or run.tags.get(USER, user) != user:
            continue
        if config.tracking.name and run.name != job.name:
            continue
        if all(run.params.get(key) == value for key, value in record.params.items() if _is_recorded(key)):
            earlier = as_earlier(store, run, config.tracking)
            yield replace(earlier, resumable=_resumable(job, earlier))


def _is_recorded(key: str) -> bool:
    return key.startswith(RECORDED) and key not in NOT_RECORDED


def _resumable(job: Job, earlier: Earlier) -> bool:
    """Return whether a run can be resumed in the name of a job."""
    return earlier.resumable and job.config.tracking.resume == "auto" and earlier.run.name == job.name
