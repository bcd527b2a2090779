#!/usr/bin/env bash
# mlflow 3.17.2 on SQLite: log_metric takes a step of 1.7 and gives back a step of 1.7.
#
# Source: mlflow/store/tracking/dbmodels/models.py, SqlMetric.step (BigInteger); mlflow/tracking/client.py, log_metric;
#   SQLite's type affinity (a real that is no whole number stays a real in an INTEGER column).
# Expected: a step is an int: a fraction is refused, or cut to 1.
# Happens: nothing checks it on the way to a local store, and SQLite keeps the fraction. The values come back in order of
#   their fractional steps, which a strict integer column cannot hold.
# Output seen, 2026-11-30: [(1.0, 0.5), (3.0, 1), (2.0, 1.7)]
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet mlflow-skinny==3.17.2 sqlalchemy==2.1.9 alembic==1.20.1 pandas==3.1.1 numpy==2.4.6

cat > probe.py <<'PYTHON'
import logging

from mlflow import MlflowClient

logging.disable(logging.INFO)
client = MlflowClient(tracking_uri="sqlite:///store.db")
run = client.create_run(client.create_experiment("steps")).info.run_id
for value, step in ((1.0, 0.5), (2.0, 1.7), (3.0, 1)):
    client.log_metric(run, "return", value, timestamp=1000, step=step)
seen = [(metric.value, metric.step) for metric in client.get_metric_history(run, "return")]
print(seen)
assert seen == [(1.0, 0.5), (3.0, 1), (2.0, 1.7)]
PYTHON
venv/bin/python probe.py
