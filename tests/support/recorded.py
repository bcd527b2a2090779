"""Runs written into a store as the runner would write them, without training; and frames of such runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from qsweep.plan.resolution import resolve
from qsweep.runs.runner import run_record
from qsweep.tracking.client.mlflow_tracker import MlflowTracker
from qsweep.tracking.curves import Points
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import SCORE
from qsweep.tracking.tracker import RunRecord, Status

MEAN = "test/return_mean"
EPISODES = 100


def record(
    store: Store,
    values: Mapping[str, Any] | None = None,
    score: float | None = None,
    status: Status = "FINISHED",
    parent: str | None = None,
    **more: float,
) -> str:
    """Record a run with curves; returns its id. values: of its config, nested. more: metrics."""
    given = {"episodes": EPISODES, **(values or {})}
    tracking = {"parent": parent} if parent else {}
    resolved = resolve({**given, "tracking": {**tracking, **given.get("tracking", {})}})
    config = resolved.config
    name = f"buckets={config.buckets},seed={config.seed}"
    log = MlflowTracker(store).open(run_record(resolved, name, f"qsweep train buckets={config.buckets}"))
    log.log(curve(config.seed))
    log.log(Points(np.array([49, 99]), {"eval/return_mean": np.array([-180.0, -150.0 - config.seed])}))
    metrics = {"train/seconds": 0.25, "train/steps": 9000.0, "best_episode": 100.0, **more}
    log.close(status, metrics if score is None else {**metrics, SCORE: score, MEAN: score}, {})
    return log.run_id


def curve(seed: int) -> Points:
    """Ten points of the training curves; the average is -200 + 5 a point, less the seed."""
    x = np.arange(9, EPISODES, 10)
    average = -200.0 + 5 * np.arange(10) - seed
    values = {
        "train/return_avg": average,
        "train/return_min": average - 10,
        "train/return_max": average + 10,
        "train/epsilon": np.linspace(0.5, 0, 10),
    }
    return Points(x, values)


def parent(store: Store, sweep: str) -> str:
    """Record the parent run of a sweep; returns its id."""
    log = MlflowTracker(store).open(RunRecord(sweep, "MountainCar-v0", {}, {"qsweep.sweep": sweep}))
    log.close("FINISHED", {}, {})
    return log.run_id


def sweep(store: Store, name: str, scores: Mapping[int, Sequence[float]], first: int = 0) -> list[str]:
    """Record the runs of a sweep over buckets: buckets -> the scores of seeds `first`, `first` + 1, ..."""
    return [
        record(store, {"buckets": buckets, "seed": seed, "sweep": {"name": name}}, score)
        for buckets, of_seeds in scores.items()
        for seed, score in enumerate(of_seeds, start=first)
    ]


def row(variant: str, seed: int, score: float | None = -150.0, **more: Any) -> dict[str, Any]:
    """One run as `load_runs` gives it; a score of None: it has none."""
    run = {
        "run_id": digits(f"{variant}{seed}", 32),
        "started": pd.Timestamp("2025-01-02 03:04", tz="UTC"),
        "name": f"{variant},seed={seed}",
        "experiment": "MountainCar-v0",
        "status": "FINISHED",
        "sweep": "s",
        "variant": digits(variant, 12),
        "config": digits(f"{variant}{seed}", 12),
        "environment": "e",
        "command": f"qsweep train {variant} seed={seed}",
        "standard": "true",
        "version": "0.1.0",
        "git_commit": "0123456789abcdef",
        "git_dirty": "false",
        "packages": '{"numpy": "2.0"}',
        "python": "3.11.7",
        "platform": "Linux",
        "qtable_sha256": "0" * 64,
        "env.id": "MountainCar-v0",
        "env.max_steps": 200,
        "buckets": 20,
        "learning_rate": 0.1,
        "episodes": EPISODES,
        "window": 100,
        "seed": seed,
        "train/seconds": 0.5,
        "train/steps": 9000.0,
        "train/return_avg": -190.0,
        "best_episode": 100.0,
        SCORE: score,
        "experiment_id": "1",
        "artifacts": "/nowhere",
    }
    if score is None:
        del run[SCORE]
    return run | more


def digits(text: str, n: int) -> str:
    """Hex digits that belong to a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:n]


def frame(scores: Mapping[str, Sequence[float]], **more: Any) -> pd.DataFrame:
    """Runs of variants `buckets=N`, given by the scores of their seeds 0, 1, ..."""
    return pd.DataFrame(
        [
            row(variant, seed, score, buckets=int(variant.partition("=")[2]), **more)
            for variant, of_seeds in scores.items()
            for seed, score in enumerate(of_seeds)
        ]
    )
