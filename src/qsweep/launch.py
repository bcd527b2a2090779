"""`qsweep train`: check the command line, then run it once or hand it to Hydra as a multirun."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import click
import hydra
import pandas as pd
from hydra._internal.utils import get_args_parser

from qsweep import overrides
from qsweep.checkpoints import name_of
from qsweep.composition import Plan, conf_folder, plan
from qsweep.config import RULES, Config
from qsweep.interrupts import StopRequests
from qsweep.jobs import Ended, Jobs
from qsweep.problems import Problem, UsageError, without_password
from qsweep.progress import RunProgress
from qsweep.report.frames import children, row
from qsweep.report.leaderboard import number
from qsweep.report.terminal import show_variants, wide_console
from qsweep.runner import Outcome, run, run_record
from qsweep.sweeps import command, run_job
from qsweep.tracking import tracker

OUTPUTS = Path("multirun")
OWN_CONFIGS = Path("conf")
"""Presets in this folder of the current one are found beside the packaged ones."""


def launch(arguments: list[str]) -> int:
    """Do what `qsweep train ARGUMENTS` asks for; returns the exit code.

    Raises UsageError with everything wrong with the command line, before anything has begun.
    """
    flags = _flags(arguments)
    given = [overrides.normal(line) for line in flags.overrides]
    for_hydra = [line for line in given if line.startswith(("hydra.", "hydra/"))]
    for_hydra += _search_path(flags.config_dir, for_hydra)
    tasks = [line for line in given if line not in for_hydra]
    if flags.cfg or flags.info or flags.hydra_help or flags.shell_completion:
        if any(line.startswith("tracking.uri=") and without_password(line) != line for line in tasks):
            rule = f"must be {RULES['tracking.uri']}"
            raise UsageError([Problem("tracking.uri", rule)])  # Hydra would print it
        _call_hydra([*(a for a in arguments if a not in flags.overrides), *for_hydra, *tasks])
        return 0
    checked = [line for line in for_hydra if not line.startswith("hydra.sweep.dir=")]
    wanted = plan((*checked, *tasks), bool(flags.multirun))
    return _multirun(wanted, for_hydra, tasks) if flags.multirun else _single(wanted)


def _flags(arguments: list[str]) -> Any:
    parser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        raise UsageError([Problem("qsweep train", message, None, "see qsweep train --help")])

    parser.error = refuse  # type: ignore[method-assign]  # argparse would print its own usage
    flags = parser.parse_intermixed_args(arguments)
    if flags.config_dir and not Path(flags.config_dir).is_dir():
        raise UsageError([Problem("--config-dir", "must be a folder", flags.config_dir)])
    for name in ("config_name", "config_path", "experimental_rerun"):
        if getattr(flags, name):
            raise UsageError([Problem(f"--{name.replace('_', '-')}", "does not apply", getattr(flags, name))])
    return flags


def _search_path(config_dir: str | None, for_hydra: list[str]) -> list[str]:
    """Where Hydra is to look for presets beside the packaged ones, as an override."""
    if any(line.startswith("hydra.searchpath=") for line in for_hydra):
        return []
    folder = Path(config_dir or OWN_CONFIGS).absolute()
    if not folder.is_dir() or folder == conf_folder():
        return []
    return [f"hydra.searchpath=[{overrides.quoted(f'file://{folder}')}]"]


def _call_hydra(arguments: list[str]) -> None:
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come back here instead of being printed there
    sys.argv = ["qsweep train", *arguments]
    decorated = hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="train")
    decorated(run_job)()


def _single(wanted: Plan) -> int:
    [job] = wanted.jobs
    config = job.config
    with RunProgress(config.episodes, config.window) as progress:
        outcome = run(config, job.name, command(job.overrides), progress)
    click.echo(f"{config.env.id}  {outcome.name}\n{_summary(config, outcome)}")
    tracked = "see it with: qsweep ui" if config.tracking.uri == "local" else config.tracking.uri
    if outcome.run_id:
        click.echo(f"run       {outcome.run_id}  {tracked}")
        if config.registry.promote == "auto":
            click.echo(f"model     {_register(config.tracking.uri, outcome.run_id)}")
    return 0


def _register(uri: str, run_id: str) -> str:
    """Register a run's chosen checkpoint; returns what became of it."""
    from qsweep.registry.promotion import register  # needs MLflow, which a run may not use
    from qsweep.tracking.store import open_store

    with StopRequests() as stop:  # a signal waits until the registry is whole again
        registered = str(register(open_store(uri), run_id))
        stop.check()
    return registered


def _summary(config: Config, outcome: Outcome) -> str:
    """What a run came to, in three lines."""
    of = outcome.metrics
    return (
        f"trained   {outcome.episodes:,} episodes, {of['train/steps']:,.0f} steps in "
        f"{of['train/seconds']:.2f} s; last {min(config.window, config.episodes):,} episodes: "
        f"average {number(of['train/return_avg'])}, minimum {number(of['train/return_min'])}, "
        f"maximum {number(of['train/return_max'])}\n"
        f"best      checkpoint {name_of(int(of['best_episode']))}: mean return "
        f"{number(of['test/return_mean'])} (95% {number(of['test/return_ci_low'])} to "
        f"{number(of['test/return_ci_high'])}) over {config.evaluation.test_episodes:,} test starts, "
        f"worst {number(of['test/return_worst'])}\n"
        f"last      checkpoint {name_of(outcome.episodes)}: mean return {number(of['final/return_mean'])}"
        + (f"; the optimum is {number(of['optimum/return'])}" if "optimum/return" in of else "")
    )


def _multirun(wanted: Plan, for_hydra: list[str], tasks: list[str]) -> int:
    """Run a plan through Hydra; says what failed and prints the leaderboard."""
    uri = wanted.jobs[0].config.tracking.uri
    tracker(uri)  # a store that cannot be had is known before anything starts
    folder = _folder(wanted.name, for_hydra)
    started = time.perf_counter()
    _call_hydra(["-m", *for_hydra, *tasks, f"hydra.sweep.dir={overrides.quoted(str(folder))}"])
    took = time.perf_counter() - started
    marks = Jobs(folder).ended()  # of the runs that were asked for, then of those that confirmed
    ended = [job for job in marks if job.number < len(wanted.jobs)]
    failed = [job for job in marks if job.error]
    runs = _untracked(wanted, ended) if uri == "none" else _first_runs(Jobs(folder).parent, wanted.name, uri)
    show_variants(runs, wide_console())
    done = sum(not job.error for job in ended)
    click.echo(f"{done} of {len(wanted.jobs)} runs in {took:.1f} s; their folder: {folder}")
    for job in failed:
        confirming = job.number >= len(wanted.jobs)
        name = "on fresh seeds" if confirming else wanted.jobs[job.number].name
        click.echo(f"qsweep: run {name} failed: {job.error}", err=True)
    return 0 if done == len(wanted.jobs) and not failed else 1


def _folder(name: str, for_hydra: list[str]) -> Path:
    """A folder for this multirun alone: its name, the second, and a number where that is taken."""
    for line in for_hydra:
        if line.startswith("hydra.sweep.dir="):
            folder = Path(line.partition("=")[2].strip("'\""))
            try:
                folder.mkdir(parents=True)
            except OSError as error:
                rule = "must be a folder that can be made, and does not exist yet"
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


def _first_runs(parent: str, name: str, uri: str) -> pd.DataFrame:
    """The runs that a sweep was launched for, without those that confirmed its winner."""
    runs = children(parent, uri)
    return runs[runs["sweep"] == name] if len(runs) else runs


def _untracked(wanted: Plan, ended: list[Ended]) -> pd.DataFrame:
    """The runs of a sweep as `load_runs` would give them, had they been tracked."""
    rows = []
    for job in ended:
        if job.outcome:
            outcome, config = Outcome(**job.outcome), wanted.jobs[job.number].config
            rows.append(row(run_record(config, outcome.name, ""), "FINISHED", outcome.metrics))
    return pd.DataFrame(rows)
