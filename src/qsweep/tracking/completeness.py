"""The files that every finished run has."""

from __future__ import annotations

from pathlib import Path

from qsweep.tracking import checkpoints, episodes
from qsweep.tracking.places import own_place
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import StoredRun

NEEDED = ("config.yaml", episodes.FILE_NAME, f"checkpoints/{checkpoints.FILE_NAME}")
"""Files that every finished run has."""


def missing_files(store: Store, run: StoredRun) -> list[str]:
    """Return the files that a finished run of a local store lacks; none are looked for outside its folder."""
    if store.database is None or run.status != "FINISHED" or not run.trained:
        return []
    place = own_place(store, run.artifacts)
    return [] if place is None else missing_in(place)


def missing_in(folder: Path) -> list[str]:
    """Return the files that a finished run's folder lacks. A power failure may leave them empty."""
    return [name for name in NEEDED if not ((folder / name).is_file() and (folder / name).stat().st_size)]
