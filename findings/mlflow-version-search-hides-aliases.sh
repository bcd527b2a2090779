#!/usr/bin/env bash
# mlflow 3.17.2: search_model_versions returns every version without its aliases; get_model_version has them.
#
# Source: mlflow/store/model_registry/dbmodels/models.py, SqlModelVersion.to_mlflow_entity (aliases=[]);
#   mlflow/store/model_registry/sqlalchemy_store.py, get_model_version and _populate_model_version_aliases.
# Expected: ModelVersion.aliases holds the aliases wherever the entity comes from, as its tags do.
# Happens: the list is empty after search_model_versions, and in the latest_versions of a registered model, also for
#   the version that is the champion. It cannot be told from "has no alias": a script that deletes all versions
#   without one deletes the champion, and its alias with it. The registered model's own aliases, a dict by alias, are
#   complete everywhere.
# Output seen, 2026-11-30:
#   search_model_versions: [[], []]
#   get_model_version: [['champion'], ['newest']]
#   latest_versions: [[]]
#   registered model: {'champion': 1, 'newest': 2}
#   after deleting versions without an alias: Registered model alias champion not found.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet mlflow-skinny==3.17.2 sqlalchemy==2.1.9 alembic==1.20.1 pandas==3.1.1 numpy==2.4.6

cat > probe.py <<'PYTHON'
import logging
import warnings

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

logging.disable(logging.INFO)
warnings.simplefilter("ignore")
client = MlflowClient("sqlite:///store.db")
client.create_registered_model("policy")
for name in ("first", "second"):
    client.create_model_version("policy", f"file:///models/{name}", tags={"source": name})
client.set_registered_model_alias("policy", "champion", "1")
client.set_registered_model_alias("policy", "newest", "2")

(one, other) = sorted(client.search_model_versions("name = 'policy'"), key=lambda version: int(version.version))
model = client.search_registered_models()[0]
seen = {"search_model_versions": [one.aliases, other.aliases],
        "get_model_version": [client.get_model_version("policy", number).aliases for number in ("1", "2")],
        "latest_versions": [version.aliases for version in model.latest_versions],
        "registered model": dict(model.aliases)}
for where, aliases in seen.items():
    print(f"{where}: {aliases}")
assert one.tags == {"source": "first"} and (seen["search_model_versions"], seen["latest_versions"]) == ([[], []], [[]])
assert seen["get_model_version"] == [["champion"], ["newest"]]
assert {alias: int(number) for alias, number in model.aliases.items()} == {"champion": 1, "newest": 2}

for version in client.search_model_versions("name = 'policy'"):
    if not version.aliases:
        client.delete_model_version("policy", version.version)
try:
    client.get_model_version_by_alias("policy", "champion")
except MlflowException as error:
    print(f"after deleting versions without an alias: {error}")
else:
    raise AssertionError("the champion is still there")
PYTHON
venv/bin/python probe.py
