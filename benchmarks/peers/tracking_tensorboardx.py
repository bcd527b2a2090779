"""TensorBoard's event files, written by tensorboardX."""

from __future__ import annotations

import shutil
from pathlib import Path

import tensorboardX
from workload import PARAMS, TAGS, files, report, runs, tracking, values


def log(folder: Path, steps: int) -> None:
    """A call for each value, as the API has it."""
    with tensorboardX.SummaryWriter(str(folder)) as writer:
        for step in range(steps):
            for key, value in values(step).items():
                writer.add_scalar(key, value, step)


def one(folder: Path, number: int) -> None:
    """A run with its params and tags as texts, and its files beside the events."""
    place = folder / f"run {number}"
    with tensorboardX.SummaryWriter(str(place)) as writer:
        for key, value in {**PARAMS, **TAGS}.items():
            writer.add_text(key, value)
    for file in kept:
        shutil.copy(file, place)


kept = files()
report(
    *tracking("tensorboardX", log),
    runs("tensorboardX", one, "params and tags as texts, files copied separately"),
    versions={"tensorboardX": tensorboardX.__version__},
)
