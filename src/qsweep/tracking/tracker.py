"""The seam between a run and whatever records it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from qsweep.errors import Problem, UsageError
from qsweep.tracking.curves import Points

Status = Literal["FINISHED", "FAILED", "KILLED"]

LONGEST_PARAM, LONGEST_TAG = 6000, 8000
"""Characters of a value that MLflow keeps."""
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
"""Makes the UI open an experiment as model training, with runs and charts first."""


@dataclass(frozen=True)
class RunRecord:
    """What is known of a run before it starts.

    parent: the id of the run under which it is nested, or None.
    """

    name: str
    experiment: str
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    parent: str | None = None


def run_tags(record: RunRecord) -> dict[str, str]:
    """The tags of a run, MLflow's own among them, but for its name; MLflow does not cut long ones here."""
    own = {"mlflow.source.name": "qsweep", "mlflow.source.type": "LOCAL"}
    parent = {"mlflow.parentRunId": record.parent} if record.parent else {}
    return {key: value[:LONGEST_TAG] for key, value in {**record.tags, **own, **parent}.items()}


def deleted(experiment: str) -> UsageError:
    """What is wrong with a run in an experiment that has been deleted."""
    rule = "must not be a deleted experiment"
    return UsageError([Problem("tracking.experiment", rule, experiment, "restore it, or use another name")])


def forbidden(experiment: str) -> UsageError:
    """What is wrong with a run in an experiment of somebody else's."""
    rule = "must be an experiment to which this user may add runs"
    remedy = "ask its owner for EDIT permission, or use another name"
    return UsageError([Problem("tracking.experiment", rule, experiment, remedy)])


class RunLog(Protocol):
    """One run being recorded."""

    run_id: str

    def log(self, points: Points) -> None:
        """Record points of curves, in increasing order of episodes."""

    def keep(self, file: Path, folder: str = "") -> None:
        """Keep a file as an artifact, in `folder` of the run; it is not written into again."""

    def close(self, status: Status, metrics: Mapping[str, float], tags: Mapping[str, str]) -> None:
        """End the run: its summary metrics, its last tags, its status."""


class Tracker(Protocol):
    """Where runs are recorded."""

    def open(self, record: RunRecord) -> RunLog:
        """Begin a run."""

    def reopen(self, run_id: str, record: RunRecord) -> RunLog:
        """Go on with a run that has ended; what it has logged already is left out."""

    def kill_running(self, parent: str) -> None:
        """End as KILLED the runs nested under `parent` that nobody will end any more."""

    def discard(self, run_id: str) -> None:
        """Move a run that another one replaces to the trash."""


class NullRunLog:
    """Records nothing."""

    run_id = ""

    def log(self, points: Points) -> None:
        """Forget them."""

    def keep(self, file: Path, folder: str = "") -> None:
        """Forget it."""

    def close(self, status: Status, metrics: Mapping[str, float], tags: Mapping[str, str]) -> None:
        """Nothing to end."""


class NullTracker:
    """Tracking switched off: `tracking=none`."""

    def open(self, record: RunRecord) -> NullRunLog:
        """A run that records nothing."""
        return NullRunLog()

    def reopen(self, run_id: str, record: RunRecord) -> NullRunLog:
        """A run that records nothing."""
        return NullRunLog()

    def kill_running(self, parent: str) -> None:
        """There are none."""

    def discard(self, run_id: str) -> None:
        """There is none."""
