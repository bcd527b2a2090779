from __future__ import annotations

import pytest

from qsweep.tracking.client import mlflow_tracker, unsent
from qsweep.tracking.continued import ContinuedRunLog
from qsweep.tracking.table_tracker import TableRunLog, TableTracker
from qsweep.tracking.tracker import RunLog, Tracker

RECORDERS = {
    Tracker: (TableTracker, mlflow_tracker.MlflowTracker),
    RunLog: (TableRunLog, ContinuedRunLog, unsent.FallbackRunLog, mlflow_tracker.MlflowRunLog),
}


@pytest.mark.parametrize("base", RECORDERS, ids=lambda base: base.__name__)
def test_every_recorder_records(base: type) -> None:
    """Recorders define each method; one that is left out would record nothing there, as the base class."""
    wanted = {name for name, value in vars(base).items() if callable(value) and name[0] != "_"}
    for recorder in RECORDERS[base]:
        assert {name for name in wanted if getattr(recorder, name) is getattr(base, name)} == set(), recorder
