"""MLflow as it comes, with a SQLite store: its fluent API, its client, a run."""

from __future__ import annotations

import os
from pathlib import Path

os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from workload import FOLDER, KEYS, PARAMS, TAGS, files, report, runs, tracking, values

BATCH = 1000
"""Points in a call, the most that MLflow takes."""
MLFLOW_TABLES = FOLDER / "mlflow.db"

mlflow.set_tracking_uri(f"sqlite:///{MLFLOW_TABLES}")
client = MlflowClient()
experiment = client.create_experiment("peer", str(FOLDER / "artifacts"))


def fluent(_: Path, steps: int) -> None:
    """A call for each step."""
    with mlflow.start_run(experiment_id=experiment):
        for step in range(steps):
            mlflow.log_metrics(values(step), step=step)


def in_batches(_: Path, steps: int) -> None:
    """A call for each thousand points."""
    run = client.create_run(experiment).info.run_id
    every = BATCH // len(KEYS)
    for first in range(0, steps, every):
        numbers = range(first, min(first + every, steps))
        points = [Metric(key, value, 0, step) for step in numbers for key, value in values(step).items()]
        client.log_batch(run, metrics=points)
    client.set_terminated(run)


def run(_: Path, number: int) -> None:
    """A run of the client's."""
    run = client.create_run(experiment, run_name=f"run {number}").info.run_id
    client.log_batch(run, params=[Param(*pair) for pair in PARAMS.items()])
    client.log_batch(run, tags=[RunTag(*pair) for pair in TAGS.items()])
    for file in kept:
        client.log_artifact(run, str(file))
    client.set_terminated(run)


kept = files()
report(
    *tracking("MLflow fluent, a call a step", fluent, 250, "1,000 points"),
    *tracking("MLflow log_batch, 1,000 a call", in_batches),
    runs("MLflow client", run),
    versions={"mlflow": mlflow.__version__},
)
