"""Recording of runs in an MLflow store, and reading them back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from qsweep.tracking.tracker import RunLog, RunRecord, Status, Tracker

if TYPE_CHECKING:
    from qsweep.tracking.store import Store

# MLflow reads these when it is imported. Without them it reports its use over the network, prints two
# lines per run, and warns if git is missing.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

__all__ = ["RunLog", "RunRecord", "Status", "Tracker", "tracker"]


def tracker(store: Store | None) -> Tracker:
    """Return the tracker of a store; without a store, one that records nothing."""
    if store is None:
        return Tracker()
    if store.tables is not None:
        from qsweep.tracking.table_tracker import TableTracker

        return TableTracker(store, store.tables)
    from qsweep.tracking.client.mlflow_tracker import MlflowTracker  # imports MLflow: one second

    return MlflowTracker(store)
