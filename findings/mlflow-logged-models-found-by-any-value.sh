#!/usr/bin/env bash
# mlflow 3.17.2: searching logged models filters by any value a metric ever had, and sorts by its last one.
#
# Source: mlflow/store/tracking/sqlalchemy_store.py, _apply_filter_string_datasets_search_logged_models (all rows of
#   the metric) and _apply_order_by_search_logged_models (the row with the latest timestamp and step).
# Expected: "metrics.score > 0.8" means what it does in search_runs, the last value, and what order_by sorts by.
# Happens: a model whose score went 0.5, 0.9, 0.2 is found by "> 0.8" and by "< 0.3" alike, though both conditions
#   together describe no value, and sorts by 0.2, last. A filter for good models returns all that were good once: with
#   a curve logged to the model, nearly all. search_runs with the same numbers finds the run by "< 0.3" only.
# Output seen, 2026-11-30:
#   metrics.score > 0.8: models ['once good'], runs []
#   metrics.score < 0.3: models ['once good'], runs ['once good']
#   metrics.score > 0.8 AND metrics.score < 0.3: models ['once good'], runs []
#   models, best first: ['steady', 'once good']
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
experiment = client.create_experiment("scores")
for name, scores in (("once good", (0.5, 0.9, 0.2)), ("steady", (0.6, 0.6, 0.6))):
    run = client.create_run(experiment, run_name=name).info.run_id
    model = client.create_logged_model(experiment, name=name, source_run_id=run).model_id
    for step, score in enumerate(scores):
        client.log_metric(run, "score", score, step=step, model_id=model)

seen = {}
for condition in ("metrics.score > 0.8", "metrics.score < 0.3", "metrics.score > 0.8 AND metrics.score < 0.3"):
    models = sorted(model.name for model in client.search_logged_models([experiment], condition))
    runs = sorted(run.info.run_name for run in client.search_runs([experiment], condition))
    seen[condition] = models, runs
    print(f"{condition}: models {models}, runs {runs}")
best = [model.name for model in client.search_logged_models(
    [experiment], order_by=[{"field_name": "metrics.score", "ascending": False}])]
print(f"models, best first: {best}")
assert list(seen.values()) == [(["once good"], []), (["once good"], ["once good"]), (["once good"], [])]
assert best == ["steady", "once good"]
PYTHON
venv/bin/python probe.py
