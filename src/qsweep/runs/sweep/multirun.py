"""A multirun or a search from its checked command line to what is said at its end."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
import hydra

from qsweep.errors import Problem, UsageError
from qsweep.plan import overrides
from qsweep.plan.composition import Plan, conf_folder
from qsweep.runs.journal import Ended, Jobs
from qsweep.runs.runner import Outcome, run_record
from qsweep.runs.sweep.clusters import cluster_problems
from qsweep.tracking.store import Store, open_tracked

if TYPE_CHECKING:
    import pandas as pd

OUTPUTS = Path("multirun")


def call_hydra(arguments: list[str]) -> None:
    """Hand arguments to Hydra, which calls a sweeper, or prints what it was asked for."""
    from qsweep.runs.sweep.orchestration import run_job

    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come back here instead of being printed there
    sys.argv = ["qsweep train", *arguments]
    decorated = hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="train")
    decorated(run_job)()


def launch(folder: Path, arguments: list[str]) -> None:
    """Launch a multirun in its folder, which does not stay where it is refused."""
    try:
        call_hydra(["-m", *arguments, f"hydra.sweep.dir={overrides.quoted(str(folder))}"])
    except UsageError:
        with suppress(OSError):
            folder.rmdir()
        raise


def multirun(wanted: Plan, for_hydra: list[str], tasks: list[str]) -> int:
    """Run a plan through Hydra; says what failed and prints the leaderboard."""
    from qsweep.report.terminal import show_variants, wide_console  # pandas, which one run does without
    from qsweep.runs.sweep.confirmation import asked_for

    store = check_requirements(wanted.jobs[0].config.tracking.uri, for_hydra)
    folder = make_folder(wanted.name, for_hydra)
    started = time.perf_counter()
    launch(folder, [*for_hydra, *tasks])
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


def check_requirements(uri: str, for_hydra: Sequence[str]) -> Store | None:
    """Return the open store; whatever of launcher and store cannot be had is known before anything starts."""
    if problems := list(cluster_problems(for_hydra, uri)):
        raise UsageError(problems)
    return open_tracked(uri)


def make_folder(name: str, for_hydra: list[str]) -> Path:
    """A folder for this multirun alone: its name, the second, and a number where that is taken."""
    for line in for_hydra:
        if line.startswith("hydra.sweep.dir="):
            folder = Path(line.partition("=")[2].strip("'\""))
            try:
                folder.mkdir(parents=True)
            except OSError as error:
                rule = "must be a new folder that can be created"
                problem = Problem("hydra.sweep.dir", rule, str(folder), str(error))
                raise UsageError([problem]) from None
            return folder
    safe = re.sub(r"[^\w.,=-]+", "_", name)
    second = time.strftime("%Y-%m-%d_%H-%M-%S")
    number = 0
    while True:
        folder = OUTPUTS / safe / (f"{second}_{number}" if number else second)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
        else:
            return folder


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
