"""What an examination looks at, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from qsweep.tracking.inventory import local_folder
from qsweep.tracking.run_search import every_run
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import DAMAGED, StoredRun

DISOWNED = "run marked FAILED, so that relaunching its sweep trains it again; its files are kept"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    what: the run, file or model it is about. remedy: what `--fix` does or, where it can do nothing
    (mend is None), what the user can. mend: raises OSError or MLflow's errors where it fails.
    """

    ailment: str
    what: str
    wrong: str
    remedy: str
    mend: Callable[[], object] | None = None


@dataclass(frozen=True)
class Patient:
    """A store, and the folder in which qsweep is run, with its `multirun/`."""

    store: Store
    folder: Path

    @cached_property
    def runs(self) -> Mapping[str, StoredRun]:
        """Every run of the store by its id, deleted ones too."""
        return every_run(self.store)

    def files_of(self, run: StoredRun) -> Path | None:
        """The folder of a run's artifacts; None on a server, or where it lies outside the store."""
        return local_folder(self.store, run.artifacts)


def disown(patient: Patient, run: StoredRun, files: str) -> None:
    """Say that a run has not what it should, so that it counts as missing where it is asked for again."""
    patient.store.client.set_tag(run.run_id, DAMAGED, files)
    patient.store.client.set_terminated(run.run_id, "FAILED", run.ended)
