"""The registry of a store, reached through MLflow's client."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from qsweep.policies.policy import Policy
from qsweep.policies.registry.model import write_model
from qsweep.policies.registry.versions import MODEL, RUN_ID, Version, description, scores
from qsweep.system.atomic_files import temporary_folder
from qsweep.tracking.paging import VERSION, every_result
from qsweep.tracking.places import as_location, place_of
from qsweep.tracking.store import Store, literal
from qsweep.tracking.stored_run import StoredRun, milliseconds

MS = 1000


class ClientVersions:
    """A registry through MLflow's client: a server's, or a local one that `LocalVersions` cannot write."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def version_of(self, run: StoredRun, name: str) -> str | None:
        """Return the latest version of `name` that was made from a run, or None."""
        found = self._store.client.search_model_versions(f"run_id = '{run.run_id}'")
        ours = (version for version in found if version.tags.get(RUN_ID) == run.run_id)
        numbers = [int(version.version) for version in ours if version.name == name]
        return str(max(numbers)) if numbers else None

    def add(self, run: StoredRun, name: str, policy: Policy, tags: Mapping[str, str]) -> str:
        """Log a policy as a model of its run, with the test metrics; register it as a version of `name`.

        Returns the version's number.
        """
        from mlflow.entities import Metric
        from mlflow.exceptions import MlflowException

        client = self._store.client
        logged = client.create_logged_model(run.experiment_id, name=MODEL, source_run_id=run.run_id)
        with temporary_folder() as temporary:
            folder = Path(temporary) / "model"
            place = place_of(self._store, logged.artifact_location)
            write_model(policy, place or folder)
            if place is None:
                client.log_model_artifacts(logged.model_id, str(folder))
        client.finalize_logged_model(logged.model_id, "READY")
        now = milliseconds()
        linked = [Metric(key, value, now, 0, model_id=logged.model_id) for key, value in scores(run).items()]
        client.log_batch(run.run_id, metrics=linked)
        try:
            client.create_registered_model(name, description=description(policy))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        version = client.create_model_version(
            name,
            as_location(place) if place else logged.artifact_location,
            run.run_id,
            dict(tags),
            await_creation_for=0,  # it exists when the call returns
            model_id=logged.model_id,
        )
        return str(version.version)

    def holder(self, name: str, alias: str) -> Version | None:
        """Return the version that has an alias, or None."""
        from mlflow.exceptions import MlflowException

        try:
            found = self._store.client.get_model_version_by_alias(name, alias)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise  # a failing store does not mean that there is none
            return None
        return Version(str(found.version), found.tags)

    def since(self, name: str, number: str, seconds: float) -> list[Version]:
        """Return all versions created after version `number` or at most `seconds` before it."""
        found = list(
            every_result(VERSION, self._store.client.search_model_versions, f"name = {literal(name)}")
        )
        [ours] = [version.creation_timestamp for version in found if str(version.version) == number]
        recent = [version for version in found if version.creation_timestamp >= ours - seconds * MS]
        return [Version(str(version.version), version.tags) for version in recent]

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Move an alias to a version."""
        self._store.client.set_registered_model_alias(name, alias, version)

    def set_tag(self, name: str, version: str, key: str, value: str) -> None:
        """Set a tag of a version."""
        self._store.client.set_model_version_tag(name, version, key, value)
