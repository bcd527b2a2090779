"""The artifacts of runs: kept, found and added to.

Without MLflow, which takes a second to import, where they lie in a folder of this machine.
"""

from __future__ import annotations

import re
import shutil
import uuid
from pathlib import Path

from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import StoredRun

_FOLDER = re.compile(r"(/[^/%#?\\\x00-\x1f]+)+")
"""Places of artifacts that are the same as a path and as a URI."""


def is_plain_folder(location: str) -> bool:
    """Whether a place of artifacts is a folder that can be written to as it is spelt."""
    return _FOLDER.fullmatch(location) is not None


def keep_in(artifacts: Path, file: Path, folder: str) -> None:
    """Keep a file in a folder of a run's artifacts; it is there whole, or not at all.

    It gets a second name there, or is copied where that cannot be: it is not written to again.
    """
    target = artifacts / folder
    target.mkdir(parents=True, exist_ok=True)
    aside = target / f".{file.name}.{uuid.uuid4().hex}"
    try:
        try:
            aside.hardlink_to(file)
        except OSError:  # on another disk, or one that knows no second names
            shutil.copy2(file, aside)
        aside.replace(target / file.name)
    finally:
        aside.unlink(missing_ok=True)


def file_of(store: Store, run_id: str, artifacts: str, path: str, scratch: Path) -> Path:
    """Return a file of a run's artifacts, where it lies, or downloaded into `scratch`.

    artifacts: where they lie, as MLflow says. Raises OSError where there is no such file.
    """
    if store.artifacts is not None and is_plain_folder(artifacts):
        file = Path(artifacts) / path
        if not file.is_file():
            raise FileNotFoundError(str(file))
        return file
    from mlflow.exceptions import MlflowException

    folder = scratch / run_id
    folder.mkdir(exist_ok=True)
    try:
        return Path(store.client.download_artifacts(run_id, path, str(folder)))
    except MlflowException as error:
        raise OSError(str(error)) from error


def add_files(store: Store, run: StoredRun, folder: Path, place: str) -> None:
    """Add all files of a folder to a run's artifacts, below `place`, in place of their like."""
    if store.artifacts is None or not is_plain_folder(run.artifacts):
        store.client.log_artifacts(run.run_id, str(folder), place)
        return
    for file in folder.rglob("*"):
        if file.is_file():
            keep_in(Path(run.artifacts), file, str(Path(place) / file.relative_to(folder).parent))
