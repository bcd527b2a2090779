"""Where runs are recorded: MLflow, or nowhere."""

from __future__ import annotations

from qsweep.tracking.tracker import NullTracker, RunLog, RunRecord, Status, Tracker

__all__ = ["NullTracker", "RunLog", "RunRecord", "Status", "Tracker", "tracker"]


def tracker(uri: str) -> Tracker:
    """The tracker of a `tracking.uri`: local, none, or the URI of an MLflow store."""
    if uri == "none":
        return NullTracker()
    from qsweep.tracking.mlflow_tracker import MlflowTracker
    from qsweep.tracking.store import open_store

    return MlflowTracker(open_store(uri))
