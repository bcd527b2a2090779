"""Runs that are trained and recorded where their configs say."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from qsweep.learning.blocks import Block
from qsweep.plan.composition import load_resolved
from qsweep.runs import runner
from qsweep.runs.runner import Outcome, Work
from qsweep.tracking import tracker
from qsweep.tracking.store import Store, open_store, open_tracked


def run(works: Sequence[Work], receive: Callable[[Block], None] = lambda _: None) -> list[Outcome]:
    """Train and record runs as a command or a worker does, which opens their store."""
    return runner.run(works, receive, tracker(open_tracked(works[0].config.tracking.uri)))


def trained_store(migrated: Path, folder: Path, runs: Mapping[str, Sequence[str]]) -> Store:
    """Return a store in a folder with trained runs. migrated: an empty one. runs: overrides by name."""
    shutil.copy(migrated, folder / "mlflow.db")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    for name, lines in runs.items():
        run([Work(load_resolved([*lines, f"tracking.uri={uri}"]), name, "")])
    return open_store(uri)
