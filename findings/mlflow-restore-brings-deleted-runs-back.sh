#!/usr/bin/env bash
# mlflow 3.17.2: restoring an experiment also restores the runs that had been deleted one by one before.
#
# Source: mlflow/store/tracking/sqlalchemy_store.py, SqlAlchemyStore.delete_experiment and restore_experiment (every
#   run of the experiment is marked, whatever its state).
# Expected: restore undoes the deletion of the experiment: runs deleted before on their own stay deleted.
# Happens: deleting an experiment marks all its runs deleted, restoring it marks all of them active, so that failed or
#   outdated runs, weeded out before, are back in every search and mean, without a note. Their time of deletion is
#   overwritten already by deleting the experiment, so nothing is left to tell them by.
# Output seen, 2026-11-30:
#   broken run deleted: {'good': 1.0}
#   experiment deleted and restored: {'broken': -200.0, 'good': 1.0}
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
client = MlflowClient("sqlite:///store.db")
experiment = client.create_experiment("sweep")
for name, score in (("good", 1.0), ("broken", -200.0)):
    run = client.create_run(experiment, run_name=name).info.run_id
    client.log_metric(run, "score", score)
client.delete_run(run)
seen = []


def look(when):
    scores = {run.info.run_name: run.data.metrics["score"] for run in client.search_runs([experiment])}
    seen.append(scores)
    print(f"{when}: {scores}")


look("broken run deleted")
client.delete_experiment(experiment)
client.restore_experiment(experiment)
look("experiment deleted and restored")
assert seen == [{"good": 1.0}, {"broken": -200.0, "good": 1.0}]
PYTHON
venv/bin/python probe.py
