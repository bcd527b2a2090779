"""Saving and reading the artifacts of runs.

Artifacts in a local folder are accessed without MLflow, which takes a second to import.
"""

from __future__ import annotations

import re
import shutil
import uuid
from pathlib import Path

from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import StoredRun

_FOLDER = re.compile(r"(/[^/%#?\\\x00-\x1f]+)+")
"""Artifact locations that read the same as a path and as a URI."""


def is_plain_folder(location: str) -> bool:
    """Return whether an artifact location is a local folder whose path needs no decoding."""
    return _FOLDER.fullmatch(location) is not None


def keep_in(artifacts: Path, file: Path, folder: str) -> None:
    """Save a file in a folder of a run's artifacts, complete or not at all.

    The file is hard-linked, or copied where links are impossible; it must not be written to afterwards.
    """
    target = artifacts / folder
    target.mkdir(parents=True, exist_ok=True)
    temporary = target / f".{file.name}.{uuid.uuid4().hex}"
    try:
        try:
            temporary.hardlink_to(file)
        except OSError:  # another disk, or a file system without links
            shutil.copy2(file, temporary)
        temporary.replace(target / file.name)
    finally:
        temporary.unlink(missing_ok=True)


def keep_file(store: Store, run_id: str, artifacts: str, file: Path, folder: str) -> None:
    """Save a file in a folder of a run's artifacts. artifacts: their URI."""
    if is_plain_folder(artifacts):
        keep_in(Path(artifacts), file, folder)
    else:
        store.client.log_artifact(run_id, str(file), folder or None)


def file_of(store: Store, run_id: str, artifacts: str, path: str, scratch: Path) -> Path:
    """Return the path of a run's artifact: the local file, or a download in `scratch`.

    artifacts: the run's artifact URI. Raises OSError if there is no such file.
    """
    if store.artifacts is not None and is_plain_folder(artifacts):
        file = Path(artifacts) / path
        # A link out of the run's folder could make any file of the user's readable through a record.
        if not file.is_file() or not file.resolve().is_relative_to(Path(artifacts).resolve()):
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
    """Add all files of a folder to a run's artifacts below `place`, replacing files of the same name."""
    if store.artifacts is None or not is_plain_folder(run.artifacts):
        store.client.log_artifacts(run.run_id, str(folder), place)
        return
    for file in folder.rglob("*"):
        if file.is_file():
            keep_in(Path(run.artifacts), file, str(Path(place) / file.relative_to(folder).parent))
