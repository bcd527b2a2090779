#!/usr/bin/env bash
# mlflow 3.17.2: the first request that a server answers in a process moves that process's own tracking URI.
#
# Source: mlflow/server/handlers.py, _get_tracking_store (utils.set_tracking_uri(store_uri));
#   mlflow/tracking/_tracking_service/utils.py, set_tracking_uri (it writes MLFLOW_TRACKING_URI, too).
# Expected: serving a store and recording into one are separate: a program that mounts mlflow.server.app, or calls it
#   in a test, goes on recording where set_tracking_uri pointed.
# Happens: importing the app and its /health page change nothing. The first request that needs the store sets the
#   tracking URI of the whole process, and the environment variable that its children inherit, to the served store.
#   From then on runs are recorded there, without a word. A client made before keeps its store. As the handlers
#   remember the store, it happens once: setting the URI again afterwards holds.
# Output seen, 2026-11-30:
#   app imported: tracking URI sqlite:///mine.db, variable sqlite:///mine.db, new run in sqlite:///mine.db
#   after /health: tracking URI sqlite:///mine.db, variable sqlite:///mine.db, new run in sqlite:///mine.db
#   after one request: tracking URI sqlite:///served.db, variable sqlite:///served.db, new run in sqlite:///served.db
#   client made before: sqlite:///mine.db
#   set again, after another request: tracking URI sqlite:///mine.db, variable sqlite:///mine.db, new run in
#     sqlite:///mine.db
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet mlflow-skinny==3.17.2 sqlalchemy==2.1.9 alembic==1.20.1 pandas==3.1.1 numpy==2.4.6 \
  flask==3.1.3 flask-cors==6.0.5 graphene==3.4.3

cat > probe.py <<'PYTHON'
import logging
import os

import mlflow
from mlflow import MlflowClient
from mlflow.server import ARTIFACT_ROOT_ENV_VAR, BACKEND_STORE_URI_ENV_VAR, app

logging.disable(logging.INFO)
MINE, SERVED = "sqlite:///mine.db", "sqlite:///served.db"
os.environ |= {BACKEND_STORE_URI_ENV_VAR: SERVED, ARTIFACT_ROOT_ENV_VAR: "artifacts"}
mlflow.set_tracking_uri(MINE)
browser, before = app.test_client(), MlflowClient()
seen = []


def look(what):
    with mlflow.start_run() as run:
        pass
    places = [uri for uri in (MINE, SERVED) if any(
        found.info.run_id == run.info.run_id for found in MlflowClient(uri).search_runs(["0"]))]
    seen.append((mlflow.get_tracking_uri(), os.environ["MLFLOW_TRACKING_URI"], *places))
    print(f"{what}: tracking URI {seen[-1][0]}, variable {seen[-1][1]}, new run in {', '.join(places)}")


look("app imported")
assert browser.get("/health").status_code == 200
look("after /health")
assert browser.post("/api/2.0/mlflow/experiments/search", json={"max_results": 1}).status_code == 200
look("after one request")
print(f"client made before: {before.tracking_uri}")
mlflow.set_tracking_uri(MINE)
assert browser.post("/api/2.0/mlflow/experiments/search", json={"max_results": 1}).status_code == 200
look("set again, after another request")
assert seen == [(MINE,) * 3, (MINE,) * 3, (SERVED,) * 3, (MINE,) * 3] and before.tracking_uri == MINE
PYTHON
venv/bin/python probe.py
