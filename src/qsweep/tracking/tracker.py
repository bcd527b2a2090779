"""The interface for recording runs; its classes record nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from qsweep.errors import Problem, UsageError
from qsweep.tracking.curves import Points

Status = Literal["FINISHED", "FAILED", "KILLED"]

LONGEST_PARAM, LONGEST_TAG = 6000, 8000
"""Maximum characters of a value in MLflow."""
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
"""Makes the UI open an experiment in its model-training view, with runs and charts first."""


@dataclass(frozen=True)
class RunRecord:
    """The data of a run known before it starts. parent: the id of its parent run, or None."""

    name: str
    experiment: str
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    parent: str | None = None


def run_tags(record: RunRecord) -> dict[str, str]:
    """Return a run's tags, including MLflow's own except its name, cut to the length that MLflow accepts."""
    own = {"mlflow.source.name": "qsweep", "mlflow.source.type": "LOCAL"}
    parent = {"mlflow.parentRunId": record.parent} if record.parent else {}
    return {key: value[:LONGEST_TAG] for key, value in {**record.tags, **own, **parent}.items()}


def deleted(experiment: str) -> UsageError:
    """Return the error for an experiment that has been deleted."""
    rule = "must not be a deleted experiment"
    return UsageError([Problem("tracking.experiment", rule, experiment, "restore it, or use another name")])


class RunLog:
    """The log of one run; this one records nothing."""

    run_id = ""

    def log(self, points: Points) -> None:
        """Record points of curves, in increasing order of episodes."""

    def keep(self, file: Path, folder: str = "") -> None:
        """Save a file as an artifact in `folder` of the run; it must not be written to afterwards."""

    def close(self, status: Status, metrics: Mapping[str, float], tags: Mapping[str, str]) -> None:
        """End the run with its summary metrics, last tags and status."""


class Tracker:
    """A recorder of runs; this one records nothing, for `tracking=none`."""

    def open(self, record: RunRecord) -> RunLog:
        """Create a run."""
        return RunLog()

    def reopen(self, run_id: str, record: RunRecord) -> RunLog:
        """Resume a run that has ended; points it has already logged are skipped."""
        return RunLog()

    def discard(self, run_id: str) -> None:
        """Delete a run that has ended, and that a later one replaces."""
