"""Versions of models in MLflow's registry, and the data that they copy from their runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qsweep.policies.policy import Policy
from qsweep.tracking.paging import every_result
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import StoredRun

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


def every_version(store: Store) -> list[Any]:
    """Return all registered versions of a store as MLflow's entities, by model, oldest first."""
    found = every_result(store.client.search_model_versions)
    return sorted(found, key=lambda version: (version.name, int(version.version)))
