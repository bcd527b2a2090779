"""Weights & Biases, offline: nothing leaves the machine."""

from __future__ import annotations

import os
from pathlib import Path

os.environ |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_DISABLE_CODE": "true"}
os.environ |= {"WANDB_ERROR_REPORTING": "false", "WANDB_CONSOLE": "off", "WANDB_DISABLE_GIT": "true"}

import wandb
from workload import PARAMS, TAGS, files, report, runs, tracking, values


def log(folder: Path, steps: int) -> None:
    """A call for each step, its four values together."""
    run = wandb.init(project="peer", dir=folder, mode="offline")
    for step in range(steps):
        run.log(values(step), step=step)
    run.finish()


def one(folder: Path, number: int) -> None:
    """A run with its params, tags and files."""
    tags = [f"{key}={value}" for key, value in TAGS.items()]
    run = wandb.init(
        project="peer", dir=folder, mode="offline", config=PARAMS, tags=tags, name=f"run {number}"
    )
    for file in kept:
        run.save(str(file), base_path=str(file.parent), policy="now")
    run.finish()


kept = files()
report(*tracking("wandb offline", log), runs("wandb offline", one), versions={"wandb": wandb.__version__})
