"""Where the versions of models are kept, and the runs that they come from: MLflow's registry."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Protocol

from qsweep.policy import Policy
from qsweep.registry.model import write_model
from qsweep.tracking import run_rows
from qsweep.tracking.run_rows import StoredRun
from qsweep.tracking.store import Store, literal
from qsweep.tracking.table_tracker import is_plain_folder

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

MS = 1000
MODEL = "policy"
"""What a run's logged model is called."""


@dataclass(frozen=True)
class Version:
    """A version of a model. created: ms since 1970, by the server's clock."""

    number: str
    tags: Mapping[str, str]
    created: int

    @classmethod
    def of(cls, found: ModelVersion) -> Version:
        """A version as MLflow has it."""
        return cls(str(found.version), found.tags, found.creation_timestamp)


class Versions(Protocol):
    """A registry, and the runs beside it."""

    def run(self, run_id: str) -> StoredRun:
        """A run. Raises OSError where it is not there any more."""

    def artifact(self, run: StoredRun, path: str, folder: Path) -> Path:
        """A file of a run, downloaded to `folder` if need be. Raises OSError where it is not there."""

    def version_of(self, run: StoredRun, name: str) -> str | None:
        """The latest version of `name` that was made of a run, or None."""

    def add(self, run: StoredRun, name: str, policy: Policy, tags: Mapping[str, str]) -> str:
        """Make a policy a model of its run, with the run's test metrics, and the next version of `name`."""

    def tags_of(self, name: str, alias: str) -> Mapping[str, str] | None:
        """The tags of the version that has an alias, or None."""

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Give a version an alias, taking it from any other."""


def scores(run: StoredRun) -> dict[str, float]:
    """The metrics of a run that its model carries, too."""
    return {key: value for key, value in run.metrics.items() if key.startswith(("test/", "final/"))}


def description(policy: Policy) -> str:
    """What a registered model says of itself."""
    return f"Greedy policies for {policy.env_id}"


def versions_in(store: Store, run_id: str) -> Versions:
    """The registry of a store, reached without MLflow where the run lies in a local one."""
    if store.tables is not None and store.database is not None:
        found = run_rows.find_run(store.tables.database, run_id)
        if found is not None and is_plain_folder(found.artifacts):
            from qsweep.registry.local_versions import LocalVersions

            return LocalVersions(store.tables.database)
    return ClientVersions(store)


class ClientVersions:
    """A registry through MLflow's client: a server's, and a local one that needs it."""

    def __init__(self, store: Store) -> None:
        self._client = store.client

    def run(self, run_id: str) -> StoredRun:
        """A run. Raises OSError where it is not there any more."""
        from mlflow.exceptions import MlflowException

        try:
            found = self._client.get_run(run_id)
        except MlflowException as error:
            raise OSError(str(error)) from error
        return StoredRun.of(found, self._client.get_experiment(found.info.experiment_id).name)

    def artifact(self, run: StoredRun, path: str, folder: Path) -> Path:
        """A file of a run, downloaded to `folder`. Raises OSError where it is not there."""
        from mlflow.exceptions import MlflowException

        where = folder / run.run_id
        where.mkdir(exist_ok=True)
        try:
            return Path(self._client.download_artifacts(run.run_id, path, str(where)))
        except MlflowException as error:
            raise OSError(str(error)) from error

    def version_of(self, run: StoredRun, name: str) -> str | None:
        """The latest version of `name` that was made of a run, or None."""
        found = self._client.search_model_versions(f"run_id = '{run.run_id}'")
        numbers = [int(version.version) for version in found if version.name == name]
        return str(max(numbers)) if numbers else None

    def add(self, run: StoredRun, name: str, policy: Policy, tags: Mapping[str, str]) -> str:
        """Make a policy a model of its run, with the run's test metrics, and the next version of `name`."""
        from mlflow.entities import Metric
        from mlflow.exceptions import MlflowException

        client = self._client
        logged = client.create_logged_model(run.experiment_id, name=MODEL, source_run_id=run.run_id)
        with TemporaryDirectory(prefix="qsweep-") as temporary:
            folder = Path(temporary) / "model"
            write_model(policy, folder)
            client.log_model_artifacts(logged.model_id, str(folder))
        client.finalize_logged_model(logged.model_id, "READY")
        now = time.time_ns() // 1_000_000
        linked = [Metric(key, value, now, 0, model_id=logged.model_id) for key, value in scores(run).items()]
        client.log_batch(run.run_id, metrics=linked)
        try:
            client.create_registered_model(name, description=description(policy))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        version = client.create_model_version(
            name,
            logged.artifact_location,
            run.run_id,
            dict(tags),
            await_creation_for=0,  # it is there when the call returns
            model_id=logged.model_id,
        )
        return str(version.version)

    def tags_of(self, name: str, alias: str) -> Mapping[str, str] | None:
        """The tags of the version that has an alias, or None."""
        from mlflow.exceptions import MlflowException

        try:
            tags: Mapping[str, str] = self._client.get_model_version_by_alias(name, alias).tags
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise  # a store that fails has not said that there is none
            return None
        return tags

    def holder(self, name: str, alias: str) -> Version:
        """The version that has an alias."""
        return Version.of(self._client.get_model_version_by_alias(name, alias))

    def since(self, name: str, number: str, seconds: float) -> list[Version]:
        """All versions that were created after, or at most so many seconds before, one of them."""
        found: list[Version] = []
        token: str | None = None
        while True:
            page = self._client.search_model_versions(f"name = {literal(name)}", page_token=token)
            found += [Version.of(version) for version in page]
            token = page.token
            if not token:
                break
        [created] = [version.created for version in found if version.number == number]
        return [version for version in found if version.created >= created - seconds * MS]

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Give a version an alias, taking it from any other."""
        self._client.set_registered_model_alias(name, alias, version)
