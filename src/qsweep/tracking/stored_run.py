"""The record of a run in a store."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

NOTES = "qsweep.environment_notes"
"""The tag with what a run's environment does that a seed does not control, a line each."""
SWEEP, PARENT, CONFIG, CODE = "qsweep.sweep", "mlflow.parentRunId", "qsweep.config", "qsweep.code"
FROM_RUN, FROM_CHECKPOINT = "qsweep.from_run", "qsweep.from_checkpoint"
"""The tags of a run that started from a trained Q-table: which checkpoint of which run."""
SCORE, EXACT, SAMPLED = "score", "test/return_exact", "test/return_mean"
"""A run's score is the exact expected return of its chosen checkpoint, where that can be computed, and
otherwise its mean return on test starts. Scores of the two kinds are never compared with each other."""
PLANNED, LAUNCHED = "qsweep.planned_runs", "qsweep.launched"
"""Tags of a parent run: the number of runs, for a search the most; the time of the last launch, in Unix s."""
SUPERSEDED = "qsweep.superseded"
"""The tag of a run that a later one has replaced, but that this user may not delete."""
DAMAGED = "qsweep.damaged"
"""The tag that names a run's damaged or missing files. Such a run cannot be resumed."""


def milliseconds() -> int:
    """Return the present time as MLflow stores it, in ms since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Keys:
    """The params, tags and metrics to read of runs. Reading all of 100,000 runs takes a minute and 2 GB."""

    params: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True)
class StoredRun:
    """A run in a store.

    started, ended: ms since 1970; ended is None while it runs. artifacts: their URI. metrics: the last value
    of each.
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
    def score(self) -> float:
        """Its exact return, or the one on test starts; NaN if it has neither."""
        return self.metrics.get(EXACT, self.metrics.get(SAMPLED, math.nan))

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of a score that is a mean over test starts; NaN if it is exact or unknown."""
        if EXACT in self.metrics:
            return math.nan, math.nan
        low, high = (self.metrics.get(f"test/return_ci_{end}", math.nan) for end in ("low", "high"))
        return low, high

    @property
    def trained(self) -> bool:
        """True if qsweep trained it; False for parents of multiruns and runs of other programs."""
        return CONFIG in self.tags

    @property
    def parent(self) -> str:
        """The id of its parent run, or an empty string."""
        return self.tags.get(PARENT, "")

    @property
    def code(self) -> str:
        """The hash of the code that trained it, or an empty string."""
        return self.tags.get(CODE, "")
