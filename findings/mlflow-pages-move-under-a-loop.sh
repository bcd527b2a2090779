#!/usr/bin/env bash
# mlflow 3.17.2: paging through runs skips some if runs are deleted meanwhile, and repeats some if runs are added.
#
# Source: mlflow/utils/search_utils.py, SearchUtils.create_page_token (the token is {"offset": n}, in base64);
#   mlflow/store/tracking/sqlalchemy_store.py, _search_runs (offset of a query that is made anew for each page).
# Expected: the opaque token stands for a place in the results, so that a loop over all pages sees every run once.
# Happens: the token counts rows of a list that moves. Deleting each page's runs before asking for the next one leaves
#   4 of 10 behind, and the loop ends as if all were done. As the newest runs come first, a run that a worker starts
#   between two pages pushes the last run of the page before into the next one: it is counted twice. With pages of
#   1,000 this waits until a store is large. Collect all pages before deleting, and key runs by their id.
# Output seen, 2026-11-30:
#   deleted page by page: 6, left: 4 of 10
#   one run added after the first page: 8 7 6 6 5 4 3 2 1 0; token {"offset": 3}
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet mlflow-skinny==3.17.2 sqlalchemy==2.1.9 alembic==1.20.1 pandas==3.1.1 numpy==2.4.6

cat > probe.py <<'PYTHON'
import base64
import logging
import time

from mlflow import MlflowClient

logging.disable(logging.INFO)
client = MlflowClient("sqlite:///store.db")


def experiment(name, runs):
    made = client.create_experiment(name)
    for number in range(runs):
        client.create_run(made, run_name=str(number), start_time=number + 1)
    return made


def pages(made):
    token = None
    while True:
        page = client.search_runs([made], max_results=3, page_token=token)
        yield page
        token = page.token
        if not token:
            return


made = experiment("deleted", 10)
deleted = 0
for page in pages(made):
    for run in page:
        client.delete_run(run.info.run_id)
        deleted += 1
left = len(client.search_runs([made]))
print(f"deleted page by page: {deleted}, left: {left} of 10")

made = experiment("added", 9)
names = []
for page in pages(made):
    if not names:
        client.create_run(made, run_name="new", start_time=round(time.time() * 1000))
        token = base64.b64decode(page.token).decode()
    names += [run.info.run_name for run in page]
print(f"one run added after the first page: {' '.join(names)}; token {token}")
assert (deleted, left) == (6, 4) and names == ["8", "7", "6", "6", "5", "4", "3", "2", "1", "0"]
PYTHON
venv/bin/python probe.py
