"""`qsweep train`: check the command line, then run once, sweep or search."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import click
from hydra._internal.utils import get_args_parser
from omegaconf import OmegaConf

from qsweep.config import RULES, Config, with_slashes
from qsweep.errors import Problem, UsageError, without_password
from qsweep.plan import overrides
from qsweep.plan.command_line import read, refusing
from qsweep.plan.composition import Job, Plan, planned
from qsweep.plan.conf import PRIMARY, at_top, hydra_app
from qsweep.plan.presets import with_own_presets
from qsweep.report.formats import share_of_optimum
from qsweep.runs.progress import RunProgress
from qsweep.runs.resume import interrupted_run
from qsweep.runs.runner import Outcome, Work, run
from qsweep.runs.search.multirun import search
from qsweep.runs.store_note import open_with_note
from qsweep.runs.sweep.executor import command
from qsweep.runs.sweep.multirun import multirun
from qsweep.system.interrupts import StopRequests
from qsweep.tracking import tracker
from qsweep.tracking.checkpoints import name_of
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import EXACT, SAMPLED, SCORE
from qsweep.tracking.unfinished import all_progress

UNSUPPORTED = {
    "config_name": "conf/train.yaml has the defaults; set yours in conf/experiment/NAME.yaml",
    "config_path": "the folder of your own presets is conf/, or --config-dir",
    "experimental_rerun": "qsweep reproduce repeats a run",
    "hydra_help": "see qsweep train --help",
    "info": "--cfg job prints the config, --cfg hydra Hydra's",
    "shell_completion": 'for bash: eval "$(_QSWEEP_COMPLETE=bash_source qsweep)"',
}
"""Hydra's flags that are refused, with the remedy."""


def launch(arguments: list[str]) -> int:
    """Execute `qsweep train ARGUMENTS`; return the exit code.

    Raises UsageError with all problems of the command line, before anything is started.
    """
    flags = _flags(arguments)
    lines = [overrides.normalized(line) for line in flags.overrides]
    lines = with_own_presets(lines, flags.config_dir)
    if flags.cfg:
        _print_config(flags, lines)
        return 0
    line = read(lines, flags.multirun)
    if line.multirun and line.searches:
        return search(line)
    plan = planned(line)
    if plan.jobs[0].config.sweep.dry_run:
        from qsweep.runs.sweep.dry_run import dry_run

        click.echo(dry_run(plan))
        return 0
    return multirun(line, plan) if line.multirun else _single(plan)


def _flags(arguments: list[str]) -> Any:
    parser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        raise UsageError([Problem("qsweep train", message, None, "see qsweep train --help")])

    parser.error = refuse  # type: ignore[method-assign]  # argparse would print its own usage
    flags = parser.parse_intermixed_args(arguments)
    if flags.config_dir and not Path(flags.config_dir).is_dir():
        raise UsageError([Problem("--config-dir", "must be a folder", flags.config_dir)])
    problems = [
        Problem(f"--{name.replace('_', '-')}", "is not supported", None if given is True else given, remedy)
        for name, remedy in UNSUPPORTED.items()
        if (given := getattr(flags, name, None))
    ]
    if not flags.cfg:
        problems += [
            Problem(f"--{name}", "needs --cfg", None if given is True else given)
            for name in ("package", "resolve")
            if (given := getattr(flags, name, None))
        ]
    if sum(bool(flag) for flag in (flags.run, flags.multirun, flags.cfg)) > 1:
        problems.append(Problem("qsweep train", "takes only one of --run, --multirun and --cfg"))
    if problems:
        raise UsageError(problems)
    return flags


def _print_config(flags: Any, lines: list[str]) -> None:
    """Let Hydra print the composed config. Refuse a password, which would be shown."""
    if any(line.startswith("tracking.uri=") and without_password(line) != line for line in lines):
        raise UsageError([Problem("tracking.uri", f"must be {RULES['tracking.uri']}")])
    line = read(lines, multirun=True)
    swept = [o for o in line.given if o.is_sweep_override()]
    problems = [*line.problems, *(Problem(o.key_or_group, "takes one value", o.input_line) for o in swept)]
    if flags.package and OmegaConf.select(line.config, flags.package, default=...) is ...:
        problems.append(Problem("--package", "must be a node of the config", flags.package))
    if problems:
        raise UsageError(problems)
    with refusing():
        hydra_app().show_cfg(PRIMARY, at_top(lines), flags.cfg, flags.package, flags.resolve)


def _single(plan: Plan) -> int:
    [job] = plan.jobs
    config = job.config
    store = open_with_note(config.tracking.uri)
    work = Work(job.resolved, job.name, command(job.overrides), run_id=_interrupted(job, store))
    with RunProgress(config.episodes, config.window) as progress:
        [outcome] = run([work], progress.update, tracker(store))
    click.echo(f"{config.env.id}  {with_slashes(outcome.name, config.env.id)}\n{_summary(config, outcome)}")
    for note in outcome.notes:
        click.echo(f"qsweep: warning: {note}", err=True)
    tracked = "see it with: qsweep ui" if config.tracking.uri == "local" else config.tracking.uri
    if outcome.run_id:
        click.echo(f"run       {outcome.run_id}  {tracked}")
        if store and config.registry.promote == "auto":
            click.echo(f"model     {_register(store, outcome.run_id)}")
    return 0


def _interrupted(job: Job, store: Store | None) -> str:
    """Return the id of the interrupted run to resume, or an empty string."""
    if store is None or job.config.tracking.resume == "never" or not (left := all_progress()):
        return ""
    run_id = interrupted_run(store, job.resolved, job.name)
    for found in left:
        if found.run_id == run_id:
            say = "to start over: tracking.resume=never"
            click.echo(f"resuming run {run_id} after episode {found.episodes:,} ({say})", err=True)
    return run_id


def _register(store: Store, run_id: str) -> str:
    from qsweep.policies.registry.promotion import register

    with StopRequests() as stop:  # a signal waits until the registration is complete
        registered = str(register(store, run_id))
        stop.check()
    return registered


def _summary(config: Config, outcome: Outcome) -> str:
    of = outcome.metrics
    number = "{:.4g}".format
    return (
        f"trained   {outcome.episodes:,} episodes, {of['train/steps']:,.0f} steps in "
        f"{of['train/seconds']:.2f} s; last {min(config.window, config.episodes):,} episodes: "
        f"average {number(of['train/return_avg'])}, minimum {number(of['train/return_min'])}, "
        f"maximum {number(of['train/return_max'])}\n"
        f"best      checkpoint {name_of(int(of['best_episode']))}: mean return "
        f"{number(of[SAMPLED])} (95% {number(of['test/return_ci_low'])} to "
        f"{number(of['test/return_ci_high'])}) over {config.evaluation.test_episodes:,} test starts, "
        f"worst {number(of['test/return_worst'])}\n"
        f"last      checkpoint {name_of(outcome.episodes)}: mean return {number(of['final/return_mean'])}\n"
        + "".join(_exact(of))
    ).rstrip()


def _exact(of: Mapping[str, float]) -> Iterator[str]:
    """Yield lines on the exact returns, and on the optimum, as far as they are known."""
    if EXACT in of:
        yield f"exact     expected return: best {of[EXACT]:.4g}, last {of['final/return_exact']:.4g}\n"
    if "optimum/return" in of:
        best, by_chance = of["optimum/return"], of.get("random/return", math.nan)
        share = share_of_optimum(of[SCORE], best, by_chance)
        ends = "" if math.isnan(by_chance) else f", random actions earn {by_chance:.4g}"
        yield f"optimum   {best:.4g}{ends}: the best checkpoint is at {share}\n"
