"""Execution of a multirun from its checked command line to the printed results."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qsweep.config import with_slashes
from qsweep.errors import UsageError
from qsweep.plan.command_line import CommandLine
from qsweep.plan.composition import Job, Plan
from qsweep.plan.presets import SEARCH_PATH
from qsweep.runs.journal import Ended, Journal
from qsweep.runs.next_steps import after_multirun
from qsweep.runs.runner import Outcome, run_record
from qsweep.runs.store_note import open_with_note
from qsweep.runs.sweep.clusters import cluster_problems
from qsweep.runs.sweep.launcher import launching
from qsweep.runs.sweep.orchestration import Concluded, sweep
from qsweep.system.start_folder import shown
from qsweep.tracking.store import Store

if TYPE_CHECKING:
    import pandas as pd


def multirun(line: CommandLine, plan: Plan, quiet: bool = False) -> int:
    """Run the plan of a command line, print leaderboard, failures and the verdict, return the exit code.

    quiet: without the next steps.
    """
    from qsweep.runs.sweep.confirmation import sweep_runs  # pandas is slow to import

    store = check_requirements(plan.jobs[0].config.tracking.uri, line.launcher)
    started = time.perf_counter()
    with launching(line, plan.name) as (launcher, folder), telling_what_is_kept(line, folder):
        concluded = sweep(plan, launcher, folder)
    took = time.perf_counter() - started
    marks = Journal(folder).ended()  # of the requested runs, then of the confirmation runs
    ended = [job for job in marks if job.number < len(plan.jobs)]
    failed = [job for job in marks if job.error]
    runs = sweep_runs(store, plan, concluded.parent) if store else _untracked(plan, ended)
    done = sum(not job.error for job in ended)
    kept = sum(not job.error and "name" not in job.outcome for job in ended)
    earlier = f" ({kept} of them earlier)" if kept else ""
    confirmed = sum(not job.error for job in marks) - done
    requested = f"{done} of {len(plan.jobs)} runs"
    if confirmed:
        finished = f"{requested}{earlier} and {confirmed} on fresh seeds finished"
    else:
        finished = f"{requested} finished{earlier}"
    count = f"{finished} in {took:.1f} s; folder: {shown(folder)}"
    show_end(concluded, runs, count)
    for note in dict.fromkeys(note for job in marks for note in job.outcome.get("notes", ())):
        click.echo(f"qsweep: warning: {note}", err=True)
    for job in failed:
        confirming = job.number >= len(plan.jobs)
        name = "on fresh seeds" if confirming else _shown(plan.jobs[job.number])
        click.echo(f"qsweep: run {name} failed: {job.error}", err=True)
    show_next(store, plan.name, concluded, quiet or not done)
    return 0 if done == len(plan.jobs) and not failed else 1


@contextmanager
def telling_what_is_kept(line: CommandLine, folder: Path) -> Iterator[None]:
    """Add to an interrupt what is kept of a multirun, and the command that resumes it."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        done = sum(not run.error for run in Journal(folder).ended())
        words = (word for word in line.lines if not word.startswith(SEARCH_PATH))
        again = shlex.join(["qsweep", "train", "-m", *words])
        interrupt.add_note(f"{done:,} finished runs are kept; to run the rest: {again}")
        raise


def _shown(job: Job) -> str:
    return with_slashes(job.name, job.config.env.id)


def show_end(concluded: Concluded, runs: pd.DataFrame, count: str, only: Sequence[str] | None = None) -> None:
    """Print the leaderboard, the number of runs, the report's address, and one sentence per environment.

    only: the variants of the leaderboard, by their hashes; None: all.
    """
    from qsweep.report.terminal import show_variants, wide_console
    from qsweep.report.words import conclusions

    show_variants(runs, wide_console(), only)
    click.echo(count)
    if concluded.report:
        click.echo(concluded.report)
    clauses = {environment: str(winner) for environment, winner in concluded.winners.items()}
    for sentence in conclusions(runs, clauses):
        click.echo(sentence)


def show_next(store: Store | None, name: str, concluded: Concluded, quiet: bool) -> None:
    """Print the commands that come next, unless nothing was recorded."""
    models = [winner.promotion.name for winner in concluded.winners.values()]
    for line in () if quiet or store is None else after_multirun(store, name, models):
        click.echo(line)


def check_requirements(uri: str, launcher: str) -> Store | None:
    """Return the open store. Raises UsageError if the launcher or the store is not available."""
    if problems := list(cluster_problems(launcher, uri)):
        raise UsageError(problems)
    return open_with_note(uri)


def _untracked(plan: Plan, ended: list[Ended]) -> pd.DataFrame:
    """Return the runs of an untracked sweep as `load_runs` would return tracked ones."""
    import pandas as pd

    from qsweep.report.loading.runs import row

    rows = []
    for job in ended:
        if job.outcome:
            outcome, resolved = Outcome(**job.outcome), plan.jobs[job.number].resolved
            rows.append(row(run_record(resolved, outcome.name, ""), "FINISHED", outcome.metrics))
    return pd.DataFrame(rows)
