"""`qsweep train`: check the command line, then run once, sweep or search."""

from __future__ import annotations

from os.path import isdir
from typing import Any, NoReturn

import click
from hydra._internal.utils import get_args_parser
from omegaconf import OmegaConf

from qsweep.commands.single_run import single_run
from qsweep.config import RULES
from qsweep.errors import Problem, UsageError, without_password
from qsweep.plan import overrides
from qsweep.plan.command_line import read, refusing
from qsweep.plan.composition import planned
from qsweep.plan.conf import PRIMARY, at_top, hydra_app
from qsweep.plan.mistakes import understood
from qsweep.plan.presets import with_own_presets
from qsweep.runs.compiling import compiling_ahead
from qsweep.runs.starting_table import with_starts

UNSUPPORTED = {
    "config_name": "conf/train.yaml has the defaults; set yours in conf/experiment/NAME.yaml",
    "config_path": "the folder of your own presets is conf/, or --config-dir",
    "experimental_rerun": "qsweep reproduce repeats a run",
    "hydra_help": "see qsweep train --help",
    "info": "--cfg job prints the config, --cfg hydra Hydra's",
    "shell_completion": 'for bash: eval "$(qsweep completion bash)"',
}
"""Hydra's flags that are refused, with the remedy."""


def launch(arguments: list[str], quiet: bool = False) -> int:
    """Execute `qsweep train ARGUMENTS`; return the exit code. quiet: without the next steps.

    Raises UsageError with all problems of the command line, before anything is started.
    """
    meant = understood(arguments)
    for note in meant.notes:
        click.echo(f"qsweep: {note}", err=True)
    flags = _flags([*meant.words])
    lines = [overrides.normalized(line) for line in flags.overrides]
    lines = with_own_presets(lines, flags.config_dir)
    if flags.cfg:
        _print_config(flags, lines)
        return 0
    line = read(lines, flags.multirun)
    if line.multirun and line.searches:
        from qsweep.runs.search.multirun import search  # slow imports, which a single run does not need

        return search(line, quiet)
    plan = with_starts(planned(line))
    if plan.jobs[0].config.sweep.dry_run:
        from qsweep.runs.sweep.dry_run import dry_run

        click.echo(dry_run(plan))
        return 0
    with compiling_ahead(plan.jobs):
        if not line.multirun:
            return single_run(plan.jobs[0], quiet)
        from qsweep.runs.sweep.multirun import multirun

        return multirun(line, plan, quiet)


def _flags(arguments: list[str]) -> Any:
    parser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        raise UsageError([Problem("qsweep train", message, None, "see qsweep train --help")])

    parser.error = refuse  # type: ignore[method-assign]  # argparse would print its own usage
    flags = parser.parse_intermixed_args(arguments)
    if flags.config_dir and not isdir(
        flags.config_dir
    ):  # Path.is_dir raises for a long name before Python 3.14
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
