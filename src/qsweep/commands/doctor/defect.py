"""The workspace that is examined, and the defects that are found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from qsweep.system.liveness import HEARTBEAT, HOST, PROCESS
from qsweep.system.overwriting import exists
from qsweep.tracking.inventory import local_folder
from qsweep.tracking.run_search import every_run
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import CONFIG, DAMAGED, PARENT, SWEEP, Keys, StoredRun

HASH = "qsweep.qtable_sha256"
MARKED_FAILED = "run marked FAILED, so that relaunching its sweep trains it again; its files are kept"


NEEDED = Keys(("env.id",), (CONFIG, PARENT, SWEEP, DAMAGED, HASH, HOST, PROCESS, HEARTBEAT))
"""What the checks need of each run."""


@dataclass(frozen=True)
class Defect:
    """One defect of a store or of its folder.

    what: the run, file or model. remedy: the effect of `--fix`, or advice to the user if it cannot repair
    this (repair is None). repair: raises OSError or MLflow's errors if it fails. harmless: the defect needs
    no repair, and is only said.
    """

    kind: str
    what: str
    details: str
    remedy: str
    repair: Callable[[], object] | None = None
    harmless: bool = False


@dataclass(frozen=True)
class Workspace:
    """A store, and the folder in which qsweep is run, which contains `multirun/`."""

    store: Store
    folder: Path

    @cached_property
    def runs(self) -> Mapping[str, StoredRun]:
        """All runs of the store by id, including deleted ones."""
        return every_run(self.store, NEEDED)

    @cached_property
    def ids(self) -> set[str]:
        """The ids of all runs, also of those whose rows are damaged."""
        tables = self.store.tables
        return (
            {str(row[0]) for row in tables.database.read("SELECT run_uuid FROM runs")}
            if tables
            else set(self.runs)
        )

    def files_of(self, run: StoredRun) -> Path | None:
        """Return the folder of a run's artifacts; None for a server or a folder outside the store."""
        if run.artifacts not in self._folders:
            self._folders[run.artifacts] = local_folder(self.store, run.artifacts)
        return self._folders[run.artifacts]

    @cached_property
    def _folders(self) -> dict[str, Path | None]:
        return {}


def mark_failed(workspace: Workspace, run: StoredRun, files: str) -> None:
    """Mark a run as FAILED and damaged, so that a sweep that needs it trains it again."""
    workspace.store.client.set_tag(run.run_id, DAMAGED, files)
    workspace.store.client.set_terminated(run.run_id, "FAILED", run.ended)


def move_aside(path: Path, target: Path) -> None:
    """Move a file or folder to `target`, or beside it, numbered, if it exists."""
    target.parent.mkdir(parents=True, exist_ok=True)
    number, free = 0, target
    while exists(free):
        number += 1
        free = target.with_name(f"{target.name}.{number}")
    path.rename(free)
