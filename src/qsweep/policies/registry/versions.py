"""Where the versions of models are kept, and the runs that they come from: MLflow's registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from qsweep.policies.policy import Policy
from qsweep.tracking.stored_run import StoredRun

MODEL = "policy"
"""What a run's logged model is called."""


@dataclass(frozen=True)
class Version:
    """A version of a model, by its number, and its tags."""

    number: str
    tags: Mapping[str, str]


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

    def holder(self, name: str, alias: str) -> Version | None:
        """The version that has an alias, or None."""

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Give a version an alias, taking it from any other."""

    def set_tag(self, name: str, version: str, key: str, value: str) -> None:
        """Give a version a tag."""


def scores(run: StoredRun) -> dict[str, float]:
    """The metrics of a run that its model carries, too."""
    return {key: value for key, value in run.metrics.items() if key.startswith(("test/", "final/"))}


def description(policy: Policy) -> str:
    """What a registered model says of itself."""
    return f"Greedy policies for {policy.env_id}"
