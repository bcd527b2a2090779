"""The launcher of a multirun, and its folder.

Hydra uses a sweeper plugin for this. No launcher needs one: it takes a context, a function and a config, and
`sweep` passes it the overrides of its jobs.
"""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import joblib
from hydra._internal.callbacks import Callbacks
from hydra.core.plugins import Plugins
from hydra.core.utils import configure_log
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig, open_dict

from qsweep.errors import Problem, UsageError, one_line
from qsweep.plan.command_line import CommandLine, refusing
from qsweep.plan.conf import PRIMARY, hydra_app, quoted
from qsweep.runs.sweep.orchestration import run_job
from qsweep.system.file_names import fitting
from qsweep.system.start_folder import shown, start_folder

OUTPUTS = Path("multirun")
FOLDER = "hydra.sweep.dir"
PRE_DISPATCH = r"all|[1-9]\d*|([1-9]\d*(\.\d+)? *\* *)?n_jobs"
MOST_JOBS = 1024
"""Processes that the joblib launcher may start: it starts all at once."""


@contextmanager
def launching(line: CommandLine, name: str) -> Iterator[tuple[Launcher, Path]]:
    """Set up the launcher of a multirun and make its folder, which is removed if the multirun is refused.

    Raises UsageError if the folder or the launcher cannot be made.
    """
    config = line.launcher_config()
    given = any(override.key_or_group == FOLDER for override in line.given)
    with refusing():
        folder = make_folder(name, str(config.hydra.sweep.dir) if given else None)
    written = str(shown(folder))
    with open_dict(config):
        config.hydra.sweep.dir = written
        # Workers compose each job's config from these and from the job's own overrides. The presets are among
        # them because Hydra refuses jobs whose sweeper or launcher differs from the multirun's.
        kept = [each for each in line.presets if not each.startswith(f"{FOLDER}=")]
        config.hydra.overrides.hydra = [*kept, "hydra.mode=MULTIRUN", f"{FOLDER}={quoted(written)}"]
    try:
        with _launcher(config) as launcher:
            yield launcher, folder
    except UsageError:
        with suppress(OSError):
            folder.rmdir()
        raise


@contextmanager
def _launcher(config: DictConfig) -> Iterator[Launcher]:
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    with refusing((), ImportError, RuntimeError, TypeError):  # not a plugin; unknown settings
        with warnings.catch_warnings():  # about running code that a config names; here the user named it
            warnings.filterwarnings("ignore", r"\s*hydra\.utils\.instantiate\(\) resolved", UserWarning)
            callbacks = Callbacks(config)
        callbacks.on_multirun_start(config=config, config_name=PRIMARY)
        context = HydraContext(hydra_app().config_loader, callbacks)
        launcher = Plugins.instance().instantiate_launcher(context, run_job, config)
    _check_pool(getattr(launcher, "joblib", None))
    yield launcher
    callbacks.on_multirun_end(config=config, config_name=PRIMARY)


def _check_pool(pool: Any) -> None:
    """Raise UsageError unless joblib accepts the settings of the joblib launcher, if there are any."""
    if pool is None:
        return
    given = dict(pool)
    jobs = given.get("n_jobs")
    if jobs is not None and not (jobs < 0 or 1 <= jobs <= MOST_JOBS):
        rule = f"must be a whole number from 1 to {MOST_JOBS:,}, or below 0 (-1: one for each core)"
        raise UsageError([Problem("hydra.launcher.n_jobs", rule, jobs)])
    try:
        joblib.Parallel(**given)
        joblib.effective_n_jobs(jobs)
    except (ValueError, TypeError) as error:
        raise UsageError([Problem("hydra.launcher", "must suit joblib", given, one_line(error))]) from None
    if not re.fullmatch(PRE_DISPATCH, str(given.get("pre_dispatch", "all"))):
        rule = "must be all, a whole number above 0, or a multiple of n_jobs such as 2*n_jobs"
        raise UsageError([Problem("hydra.launcher.pre_dispatch", rule, given["pre_dispatch"])])
    if not (given.get("timeout") is None or given["timeout"] > 0):
        rule = "must be a number above 0 (seconds), or null"
        raise UsageError([Problem("hydra.launcher.timeout", rule, given["timeout"])])


def make_folder(name: str, given: str | None) -> Path:
    """Make a new folder for this launch of a multirun.

    given: hydra.sweep.dir. It is used as it is if it is new or empty; else a folder in it, named after the
    time, as for every further launch of the same multirun. Raises UsageError if it cannot be made.
    """
    if given is None:
        return _new_in(start_folder() / OUTPUTS / fitting(re.sub(r"[^\w.,=-]+", "_", name)))
    if problem := next(_problems(given), None):
        raise UsageError([problem])
    folder = start_folder() / given
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _new_in(folder) if any(folder.iterdir()) else folder
    except OSError as error:
        rule = "must be a folder that can be created and written"
        raise UsageError([Problem(FOLDER, rule, given, str(error))]) from None


def _problems(given: str) -> Iterator[Problem]:
    if not given:
        yield Problem(FOLDER, "must name a folder", given)
    if given.startswith("~"):
        remedy = "write the folder, or ${oc.env:HOME}/FOLDER"
        yield Problem(FOLDER, "must not begin with ~, which is not expanded here", given, remedy)
    if not given.isprintable():
        yield Problem(FOLDER, "must have no control characters", given)


def _new_in(folder: Path) -> Path:
    second = time.strftime("%Y-%m-%d_%H-%M-%S")
    number = 0
    while True:
        new = folder / (f"{second}_{number}" if number else second)
        with suppress(FileExistsError):
            new.mkdir(parents=True)
            return new
        number += 1
