"""Versions of models in MLflow's registry, and the data that they copy from their runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qsweep.policies.policy import Policy
from qsweep.tracking.paging import VERSION, every_result
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import StoredRun
from qsweep.tracking.tables import registry_rows

MODEL = "policy"
"""Name of a run's logged model."""


@dataclass(frozen=True)
class Version:
    """The number and tags of a model's version."""

    number: str
    tags: Mapping[str, str]


def model_name(env_id: str) -> str:
    """Return the registered model's name for an environment: its id without MLflow's reserved characters."""
    return env_id.replace("/", "_").replace(":", "_")


def scores(run: StoredRun) -> dict[str, float]:
    """Return the metrics of a run that its model has too."""
    return {key: value for key, value in run.metrics.items() if key.startswith(("test/", "final/"))}


def description(policy: Policy) -> str:
    """Return the description of a registered model."""
    return f"Greedy policies for {policy.env_id}"


RUN_ID, CHECKPOINT = "qsweep.run_id", "qsweep.checkpoint"
"""Tags of the versions that qsweep registered."""


def is_ours(tags: Mapping[str, str]) -> bool:
    """Return whether qsweep registered a version."""
    run_id, checkpoint = tags.get(RUN_ID, ""), tags.get(CHECKPOINT, "")
    return bool(re.fullmatch("[0-9a-f]{32}", run_id) and re.fullmatch("ep[0-9]{6,9}", checkpoint))


def aliases_of(store: Store, model: str) -> Mapping[str, str] | None:
    """Return the version that each alias of a model stands for; None if there is no such model."""
    if store.tables is not None:
        return registry_rows.aliases(store.tables.database, model)
    found = store.client.get_registered_model(model)
    return {alias: str(version) for alias, version in found.aliases.items()}


def version_of(store: Store, model: str, number: str) -> Any:
    """Return a version under the names of MLflow's entity; None if there is none."""
    if store.tables is None:
        return store.client.get_model_version(model, number)
    found = registry_rows.versions(store.tables.database)
    return next((each for each in found if (each.name, each.version) == (model, number)), None)


def place_of_version(store: Store, version: Any) -> str:
    """Return the location of the files of a version's model, as it is recorded."""
    source: str = version.source
    if store.tables is None:
        source = store.client.get_model_version_download_uri(version.name, version.version)
    logged = re.fullmatch(r"models:/(m-[0-9a-f]{32})", source or "")
    if logged is None:
        return source or ""
    if store.tables is None:
        return str(store.client.get_logged_model(logged[1]).artifact_location)
    known = registry_rows.logged_models(store.tables.database)
    return next((model.location for model in known if model.model_id == logged[1]), source)


def every_version(store: Store) -> list[Any]:
    """Return all registered versions under the names of MLflow's entity, by model, oldest first."""
    if store.tables is not None:
        return list(registry_rows.versions(store.tables.database))
    found = every_result(VERSION, store.client.search_model_versions)
    return sorted(found, key=lambda version: (version.name, int(version.version)))
