#!/usr/bin/env bash
# mlflow 3.17.2: in a tie of step and timestamp NaN counts as 0: it hides a negative value and yields to a positive one.
#
# Source: mlflow/store/tracking/sqlalchemy_store.py, SqlAlchemyStore.sanitize_metric_value (NaN is stored as value 0 with
#   a flag) and _update_latest_metrics_if_necessary, which compares (step, timestamp, value).
# Expected: of two values with one step and timestamp a run shows the later one, or always or never the NaN.
# Happens: the larger stored value wins, and NaN is stored as 0. A run whose return is negative (MountainCar, Acrobot)
#   shows NaN although a number was logged after it; a run with positive returns shows the number although NaN came last.
# Output seen, 2026-11-30:
#   nan then -5.0: nan
#   -5.0 then nan: nan
#   nan then 5.0: 5.0
#   5.0 then nan: 5.0
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet mlflow-skinny==3.17.2 sqlalchemy==2.1.9 alembic==1.20.1 pandas==3.1.1 numpy==2.4.6

cat > probe.py <<'PYTHON'
import logging
import math

from mlflow import MlflowClient

logging.disable(logging.INFO)
client = MlflowClient(tracking_uri="sqlite:///store.db")
experiment = client.create_experiment("ties")
seen = []
for values in ((math.nan, -5.0), (-5.0, math.nan), (math.nan, 5.0), (5.0, math.nan)):
    run = client.create_run(experiment).info.run_id
    for value in values:
        client.log_metric(run, "return", value, timestamp=1000, step=1)
    seen.append(client.get_run(run).data.metrics["return"])
    print(f"{values[0]} then {values[1]}: {seen[-1]}")
assert [math.isnan(value) for value in seen] == [True, True, False, False]
PYTHON
venv/bin/python probe.py
