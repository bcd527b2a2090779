#!/usr/bin/env bash
# mlflow 3.17.2: the points of a chart of two runs lie at different steps, though both logged every step.
#
# Source: mlflow/store/tracking/sqlalchemy_store.py, get_metric_history_bulk_interval and
#   _sample_rows_with_window_functions (NTILE over each run's rows); mlflow/mlflow#24305. It feeds the UI's charts.
# Expected: one set of steps is chosen for all runs of the request, so that runs can be
#   compared and averaged point by point.
# Happens: each run is thinned by itself into 320 parts of equal size. Two runs that logged every step, 1,000 and 1,300
#   of them, have few of the 320 steps in common, so that a mean over seeds of different length has one run at
#   most of its points. Two runs of equal length agree.
# Output seen, 2026-11-30:
#   1000 and 1300 points: 320 and 320 sampled, 90 steps in common
#   1000 and 1000 points: 320 and 320 sampled, 320 steps in common
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet mlflow-skinny==3.17.2 sqlalchemy==2.1.9 alembic==1.20.1 pandas==3.1.1 numpy==2.4.6

cat > probe.py <<'PYTHON'
import logging

from mlflow.entities import Metric
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

logging.disable(logging.INFO)
store = SqlAlchemyStore("sqlite:///store.db", "artifacts")
experiment = store.create_experiment("curves")


def logged(points):
    run = store.create_run(experiment, "user", 0, [], "run").info.run_id
    for first in range(0, points, 1000):
        steps = range(first, min(first + 1000, points))
        store.log_batch(run, [Metric("return", 1.0, step, step) for step in steps], [], [])
    return run


def steps(runs):
    rows = store.get_metric_history_bulk_interval(runs, "return", 320, None, None)
    return [{row.step for row in rows if row.run_id == run} for run in runs]


seen = {}
for lengths in ((1000, 1300), (1000, 1000)):
    one, other = steps([logged(length) for length in lengths])
    seen[lengths] = len(one), len(other), len(one & other)
    print(f"{lengths[0]} and {lengths[1]} points: {len(one)} and {len(other)} sampled, {len(one & other)} steps in common")
assert seen[1000, 1000] == (320, 320, 320)
assert seen[1000, 1300] == (320, 320, 90)
PYTHON
venv/bin/python probe.py
