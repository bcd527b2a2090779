"""A multirun or a search from its checked command line to what is said at its end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from qsweep.errors import UsageError
from qsweep.plan.command_line import CommandLine
from qsweep.plan.composition import Plan
from qsweep.runs.journal import Ended, Jobs
from qsweep.runs.runner import Outcome, run_record
from qsweep.runs.sweep.clusters import cluster_problems
from qsweep.runs.sweep.launcher import launching
from qsweep.runs.sweep.orchestration import sweep
from qsweep.tracking.store import Store, open_tracked

if TYPE_CHECKING:
    import pandas as pd


def multirun(line: CommandLine, wanted: Plan) -> int:
    """Run the plan of a command line; says what failed and prints the leaderboard."""
    from qsweep.report.terminal import show_variants, wide_console  # pandas, which one run does without
    from qsweep.runs.sweep.confirmation import asked_for

    store = check_requirements(wanted.jobs[0].config.tracking.uri, line.launcher)
    started = time.perf_counter()
    with launching(line, wanted.name) as (launcher, folder):
        sweep(wanted, launcher, folder)
    took = time.perf_counter() - started
    marks = Jobs(folder).ended()  # of the runs that were asked for, then of those that confirmed
    ended = [job for job in marks if job.number < len(wanted.jobs)]
    failed = [job for job in marks if job.error]
    runs = asked_for(store, wanted, Jobs(folder).parent) if store else _untracked(wanted, ended)
    show_variants(runs, wide_console())
    done = sum(not job.error for job in ended)
    kept = sum(not job.error and "name" not in job.outcome for job in ended)
    earlier = f" ({kept} of them earlier)" if kept else ""
    click.echo(f"{done} of {len(wanted.jobs)} runs finished{earlier} in {took:.1f} s; folder: {folder}")
    for job in failed:
        confirming = job.number >= len(wanted.jobs)
        name = "on fresh seeds" if confirming else wanted.jobs[job.number].name
        click.echo(f"qsweep: run {name} failed: {job.error}", err=True)
    return 0 if done == len(wanted.jobs) and not failed else 1


def check_requirements(uri: str, launcher: str) -> Store | None:
    """Return the open store. Raises UsageError if the launcher or the store cannot be had."""
    if problems := list(cluster_problems(launcher, uri)):
        raise UsageError(problems)
    return open_tracked(uri)


def _untracked(wanted: Plan, ended: list[Ended]) -> pd.DataFrame:
    """The runs of a sweep as `load_runs` would give them, had they been tracked."""
    import pandas as pd

    from qsweep.report.loading.runs import row

    rows = []
    for job in ended:
        if job.outcome:
            outcome, resolved = Outcome(**job.outcome), wanted.jobs[job.number].resolved
            rows.append(row(run_record(resolved, outcome.name, ""), "FINISHED", outcome.metrics))
    return pd.DataFrame(rows)
