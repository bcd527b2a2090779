"""The versions of models in MLflow's registry, and what they take over from the runs that they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qsweep.policies.policy import Policy
from qsweep.tracking.paging import every_result
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import StoredRun

MODEL = "policy"
"""What a run's logged model is called."""


@dataclass(frozen=True)
class Version:
    """A version of a model, by its number, and its tags."""

    number: str
    tags: Mapping[str, str]


def scores(run: StoredRun) -> dict[str, float]:
    """The metrics of a run that its model carries, too."""
    return {key: value for key, value in run.metrics.items() if key.startswith(("test/", "final/"))}


def description(policy: Policy) -> str:
    """What a registered model says of itself."""
    return f"Greedy policies for {policy.env_id}"


def every_version(store: Store) -> list[Any]:
    """Return all registered versions of a store as MLflow gives them; of each model the oldest first."""
    found = every_result(store.client.search_model_versions)
    return sorted(found, key=lambda version: (version.name, int(version.version)))
