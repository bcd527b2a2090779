"""The registry of a local store, written into MLflow's tables without MLflow."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from pathlib import Path

from qsweep.policies.policy import Policy
from qsweep.policies.registry.client_versions import ClientVersions
from qsweep.policies.registry.model import write_model
from qsweep.policies.registry.versions import MODEL, RUN_ID, Version, description, scores
from qsweep.system.atomic_files import sync_tree
from qsweep.tracking.places import place_of
from qsweep.tracking.run_files import is_plain
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import StoredRun, milliseconds
from qsweep.tracking.tables.database import Database, Transaction

READY = 2
"""MLflow's number for a logged model that is complete."""
_MODEL = """
INSERT INTO logged_models (model_id, experiment_id, name, artifact_location, creation_timestamp_ms,
  last_updated_timestamp_ms, status, lifecycle_stage, source_run_id)
VALUES (?, ?, ?, ?, ?, ?, ?, 'active', ?)
"""
_SCORE = """
INSERT INTO logged_model_metrics (model_id, metric_name, metric_timestamp_ms, metric_step, metric_value,
  experiment_id, run_id) VALUES (?, ?, ?, 0, ?, ?, ?)
"""
_NAME = """
INSERT INTO registered_models (name, creation_time, last_updated_time, description, workspace)
VALUES (?1, ?2, ?2, ?3, 'default') ON CONFLICT DO UPDATE SET last_updated_time = excluded.last_updated_time
"""
_VERSION = """
INSERT INTO model_versions (name, version, creation_time, last_updated_time, current_stage, source, run_id,
  status, storage_location, workspace) VALUES (?1, ?2, ?3, ?3, 'None', ?4, ?5, 'READY', ?4, 'default')
"""
_OF_NAME = "FROM model_versions WHERE workspace = 'default' AND name = ?"
_OURS = f"""
SELECT max(version) {_OF_NAME} AND run_id = ? AND current_stage != 'Deleted_Internal' AND version IN
  (SELECT version FROM model_version_tags AS t WHERE t.name = model_versions.name AND key = ? AND value = ?)
"""  # noqa: S608
_TAG = "INSERT INTO model_version_tags (key, value, name, version, workspace) VALUES (?, ?, ?, ?, 'default')"
_SET_TAG = f"{_TAG} ON CONFLICT DO UPDATE SET value = excluded.value"
_TAGS_OF = """
SELECT key, value FROM model_version_tags WHERE workspace = 'default' AND name = ? AND version = ?
"""
_ALIASED = """
SELECT version FROM registered_model_aliases WHERE workspace = 'default' AND name = ? AND alias = ?
"""
_ALIAS = """
INSERT INTO registered_model_aliases (alias, version, name, workspace) VALUES (?, ?, ?, 'default')
ON CONFLICT DO UPDATE SET version = excluded.version
"""


class LocalVersions(ClientVersions):
    """The registry in a local store's database file. files: the folder of the run's artifacts."""

    def __init__(self, store: Store, database: Database, files: Path) -> None:
        super().__init__(store)
        self._database, self._files = database, files

    def add(self, run: StoredRun, name: str, policy: Policy, tags: Mapping[str, str]) -> str:
        """Log a policy as a model of its run, with the test metrics; register it as a version of `name`.

        The files are written first, then all rows in one transaction. Returns the version's number.
        """
        model, now = f"m-{uuid.uuid4().hex}", milliseconds()
        folder = self._files.parents[1] / "models" / model / "artifacts"
        write_model(policy, folder)
        sync_tree(folder)
        logged = (model, run.experiment_id, MODEL, str(folder), now, milliseconds(), READY, run.run_id)
        measured = [
            (model, key, now, 0.0 if math.isnan(value) else value, run.experiment_id, run.run_id)
            for key, value in scores(run).items()
        ]

        def change(transaction: Transaction) -> str:
            transaction.run(_MODEL, [logged])
            transaction.run(_SCORE, measured)
            transaction.run(_NAME, [(name, now, description(policy))])
            [(last,)] = transaction.rows(f"SELECT max(version) {_OF_NAME}", (name,))
            version = (last or 0) + 1
            transaction.run(_VERSION, [(name, version, now, str(folder), run.run_id)])
            transaction.run(_TAG, [(key, value, name, version) for key, value in tags.items()])
            return str(version)

        return self._database.write(change)

    def version_of(self, run: StoredRun, name: str) -> str | None:
        """Return the latest version of `name` that was made from a run, or None."""
        [(version,)] = self._database.read(_OURS, (name, run.run_id, RUN_ID, run.run_id))
        return None if version is None else str(version)

    def holder(self, name: str, alias: str) -> Version | None:
        """Return the version that has an alias, or None."""
        found = self._database.read(_ALIASED, (name, alias))
        if not found:
            return None
        [(version,)] = found
        tags = self._database.read(_TAGS_OF, (name, version))
        return Version(str(version), {key: value for key, value in tags if isinstance(value, str)})

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Move an alias to a version."""
        given = (alias, int(version), name)
        self._database.write(lambda transaction: transaction.run(_ALIAS, [given]))

    def set_tag(self, name: str, version: str, key: str, value: str) -> None:
        """Set a tag of a version."""
        given = (key, value, name, int(version))
        self._database.write(lambda transaction: transaction.run(_SET_TAG, [given]))


def versions_in(store: Store, run: StoredRun) -> ClientVersions:
    """Return the registry of a run's store; MLflow is not used if the run is in a local one."""
    place = place_of(store, run.artifacts)
    if store.tables is None or store.database is None or place is None or not is_plain(place):
        return ClientVersions(store)
    return LocalVersions(store, store.tables.database, place)
