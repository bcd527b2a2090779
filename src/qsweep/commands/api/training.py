"""`qsweep.run` and `qsweep.sweep`: training as on the command line, with the results as values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qsweep.commands.api.run import Run, load_run
from qsweep.commands.api.sweep import SweepResult
from qsweep.commands.api.values import override_lines
from qsweep.commands.single_run import decided, keep, trained
from qsweep.errors import Problem, UsageError
from qsweep.plan import overrides
from qsweep.plan.command_line import CommandLine, read
from qsweep.plan.composition import Plan, planned
from qsweep.plan.presets import with_own_presets
from qsweep.policies.registry.promotion import register
from qsweep.runs.journal import Journal
from qsweep.runs.starting_table import with_starts
from qsweep.runs.store_note import open_with_note
from qsweep.runs.sweep import orchestration
from qsweep.runs.sweep.launcher import launching
from qsweep.runs.sweep.multirun import check_requirements

UNRECORDED = "must not be none here, because what it returns is read from the record"


def run(*given: str | Iterable[str], **keys: Any) -> Run:
    """Train one run, record it as `qsweep train` does, and return it.

    given: overrides as on the command line, "env=cart_pole" or "+experiment=tutorial_2000". keys: overrides
    as Python values: buckets=[20, 40], epsilon={"start": 0.3}. A notebook shows the progress. An equal run
    that is finished is returned as it is (sweep.rerun="all" trains again); an interrupted one is resumed.
    Raises UsageError with every problem of the config, before anything
    is recorded. `qsweep.train` trains without a record.
    """
    _, plan = _planned(override_lines(given, keys), multirun=False)
    [job] = plan.jobs
    config = job.config
    store = open_with_note(config.tracking.uri)
    assert store is not None
    decision = decided(store, job)
    if decision.does == "keep":
        return load_run(keep(store, job, decision).run_id, store.uri)
    run_id = trained(job, store, decision).run_id
    if config.registry.promote == "auto":
        register(store, run_id)
    return load_run(run_id, store.uri)


def sweep(*given: str | Iterable[str], **keys: Any) -> SweepResult:
    """Train one run per combination of values, as `qsweep train -m` does, and return the comparison.

    given: overrides as on the command line, "buckets=10,20" or "+sweep=buckets". keys: overrides as Python
    values, where a list, tuple, range or array holds the values to vary over: buckets=[10, 20, 40],
    seed=range(5). Runs use all cores. Those that finished in an earlier launch of the same sweep are kept.
    Raises UsageError with every problem of the config, before anything is recorded.
    """
    line, plan = _planned(override_lines(given, keys, several=True), multirun=True)
    store = check_requirements(plan.jobs[0].config.tracking.uri, line.launcher)
    assert store is not None
    with launching(line, plan.name) as (launcher, folder):
        concluded = orchestration.sweep(plan, launcher, folder)
    failed = tuple(run.error for run in Journal(folder).ended() if run.error)
    return SweepResult(store, plan.name, concluded.parent, failed)


def _planned(lines: list[str], multirun: bool) -> tuple[CommandLine, Plan]:
    """Return the command line of overrides, and its plan, all of whose runs are to be recorded."""
    line = read(with_own_presets([overrides.normalized(each) for each in lines]), multirun)
    if multirun and line.searches:
        rule = "is for the command line; load its runs by name afterwards"
        raise UsageError([Problem("hydra/sweeper", rule, "qsweep_optuna", "qsweep train -m ...")])
    plan = with_starts(planned(line))
    first = plan.jobs[0].config
    if first.tracking.uri == "none":
        raise UsageError([Problem("tracking.uri", UNRECORDED, "none", "use qsweep.train")])
    if first.sweep.dry_run:
        raise UsageError([Problem("sweep.dry_run", "is for the command line", "true", "qsweep train -m ...")])
    return line, plan
