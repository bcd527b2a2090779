"""DVCLive, without DVC's repository and without reports."""

from __future__ import annotations

import os
import shutil
from importlib.metadata import version
from pathlib import Path

os.environ |= {"DVC_NO_ANALYTICS": "true", "DVCLIVE_LOGLEVEL": "ERROR"}

from dvclive import Live
from workload import PARAMS, TAGS, files, report, runs, tracking, values


def begin(folder: Path) -> Live:
    """A run without experiments, reports or a watch on the machine."""
    return Live(str(folder), save_dvc_exp=False, dvcyaml=None, report=None, monitor_system=False)


def log(folder: Path, steps: int) -> None:
    """A call for each value, and one to end the step."""
    with begin(folder) as live:
        for step in range(steps):
            for key, value in values(step).items():
                live.log_metric(key, value)
            live.next_step()


def one(folder: Path, number: int) -> None:
    """A run with params and tags, and its files copied separately: keeping them needs DVC."""
    place = folder / f"run {number}"
    with begin(place) as live:
        live.log_params({**PARAMS, **TAGS})
    for file in kept:
        shutil.copy(file, place)


kept = files()
report(
    *tracking("dvclive", log, 250, "1,000 points"),
    runs("dvclive", one, "tags as params, files copied separately"),
    versions={"dvclive": version("dvclive")},
)
