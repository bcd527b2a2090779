"""The files of a store's runs: locating, measuring and removing them."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from qsweep.tracking.places import own_place, recorded_path
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import StoredRun


def local_folder(store: Store, uri: str | None) -> Path | None:
    """Return the artifact folder at a recorded location if it is inside the store's own folder, else None.

    A record may name any path, also through links; nothing outside the store's folder may be touched.
    """
    if store.artifacts is None:
        return None
    own = own_place(store, uri)
    return own if store.database or own == recorded_path(store, uri) else None


def size(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder; links are not followed."""
    if path.is_dir() and not path.is_symlink():
        return _size_below(str(path))
    return path.lstat().st_size if path.is_symlink() or path.exists() else 0


def _size_below(folder: str) -> int:
    """Return the bytes of what can be read there, and does not vanish meanwhile."""
    total = 0
    with suppress(PermissionError, FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                total += _size_below(entry.path)
            elif entry.is_symlink() or entry.is_file():
                with suppress(FileNotFoundError):
                    total += entry.stat(follow_symlinks=False).st_size
    return total


def purge(store: Store, run: StoredRun) -> None:
    """Remove a deleted run of a local store for good, files first: after a kill it is still in the trash.

    Raises OSError if its files cannot be removed.
    """
    folder = local_folder(store, run.artifacts)
    if folder and folder.parent.name == run.run_id and folder.parent.exists():
        shutil.rmtree(folder.parent)
    store.client._tracking_client.store._hard_delete_run(run.run_id)  # as `mlflow gc` does
