"""A run as a store holds it: the one record that everything reads runs as."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

SWEEP, PARENT, CONFIG, CODE = "qsweep.sweep", "mlflow.parentRunId", "qsweep.config", "qsweep.code"
DAMAGED = "qsweep.damaged"
"""The tag of a run that names its damaged or missing files: it cannot be resumed."""


def milliseconds() -> int:
    """The time as MLflow keeps it: ms since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class StoredRun:
    """A run that a store holds.

    started, ended: ms since 1970, ended None while it runs. artifacts: the URI where they lie. metrics: the
    last value of each.
    """

    run_id: str
    name: str
    experiment: str
    experiment_id: str
    status: str
    started: int
    artifacts: str
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    ended: int | None = None
    deleted: bool = False

    def __str__(self) -> str:
        return f"{self.name} ({self.run_id})"

    @property
    def trained(self) -> bool:
        """Whether qsweep trained it: it is no parent of a multirun, and no run of another program."""
        return CONFIG in self.tags

    @property
    def parent(self) -> str:
        """The id of the run that it is nested under, or empty."""
        return self.tags.get(PARENT, "")

    @property
    def code(self) -> str:
        """The hash of the code that trained it, or empty."""
        return self.tags.get(CODE, "")
