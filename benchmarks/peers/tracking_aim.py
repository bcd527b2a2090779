"""Aim, on a local repository."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path

os.environ |= {"AIM_UI_TELEMETRY_ENABLED": "0", "AIM_TELEMETRY_ENABLED": "0"}

from aim import Run, Text
from workload import PARAMS, TAGS, report, runs, tracking, values


def begin(folder: Path) -> Run:
    """A run that watches neither the machine nor the terminal."""
    return Run(repo=str(folder), system_tracking_interval=None, capture_terminal_logs=False)


def log(folder: Path, steps: int) -> None:
    """A call for each value, as the API has it."""
    run = begin(folder)
    for step in range(steps):
        for key, value in values(step).items():
            run.track(value, name=key, step=step)
    run.close()


def one(folder: Path, number: int) -> None:
    """A run with its params and tags, and texts in place of files."""
    run = begin(folder)
    run.name = f"run {number}"
    run["hparams"] = PARAMS
    for key, value in TAGS.items():
        run[key] = value
    for file in range(5):
        run.track(Text("some text " * 400), name=f"file_{file}")
    run.close()


report(
    *tracking("aim", log),
    runs("aim", one, "texts in place of the 5 files"),
    versions={"aim": version("aim")},
)
