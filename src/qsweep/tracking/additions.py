"""What is added to runs after their end: files and tags.

Without MLflow, which takes seconds to import, where a store's tables are at hand, and a folder for its files.
"""

from __future__ import annotations

from pathlib import Path

from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import StoredRun
from qsweep.tracking.table_tracker import Folder, is_plain_folder
from qsweep.tracking.tables.run_tables import Batch


def add_files(store: Store, run: StoredRun, folder: Path, place: str) -> None:
    """Add all files of a folder to the artifacts of a run, below `place`, in place of their like."""
    if store.tables is None or not is_plain_folder(run.artifacts):
        store.client.log_artifacts(run.run_id, str(folder), place)
        return
    kept = Folder(Path(run.artifacts))
    for file in folder.rglob("*"):
        if file.is_file():
            kept.keep(file, str(Path(place) / file.relative_to(folder).parent))


def add_tag(store: Store, run: StoredRun, key: str, value: str) -> None:
    """Give a run a tag."""
    if store.tables is None:
        store.client.set_tag(run.run_id, key, value)
    else:
        store.tables.add(run.run_id, Batch(tags={key: value}))
