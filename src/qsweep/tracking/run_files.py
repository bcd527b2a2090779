"""Saving and reading the artifacts of runs.

Artifacts in a local folder are accessed without MLflow, which takes a second to import.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import uuid
from pathlib import Path

from qsweep.tracking.places import home_of, place_of
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import StoredRun

_PLAIN = re.compile(r"(/[^/%#?\\\x00-\x1f]+)+")
"""Paths that read the same as a path and as a URI."""


def is_plain(folder: Path) -> bool:
    """Return whether a folder's path needs no encoding as an artifact location."""
    return _PLAIN.fullmatch(str(folder)) is not None


def keep_in(artifacts: Path, file: Path, folder: str) -> Path:
    """Save a file in a folder of a run's artifacts, complete or not at all; return its path.

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
            with temporary.open("rb") as copy:
                os.fsync(copy.fileno())
        temporary.replace(target / file.name)
    finally:
        temporary.unlink(missing_ok=True)
    return target / file.name


def keep_file(store: Store, run_id: str, artifacts: str, file: Path, folder: str) -> Path | None:
    """Save a file in a folder of a run's artifacts; return its path if it is local.

    artifacts: their recorded location. A store's folder that was moved or deleted is not made again.
    """
    place, home = place_of(store, artifacts), home_of(store)
    if place is None:
        store.client.log_artifact(run_id, str(file), folder or None)
        return None
    if store.database is not None and home is not None and not home.is_dir():
        raise FileNotFoundError(errno.ENOENT, "the store was moved or deleted", str(home))
    return keep_in(place, file, folder)


def file_of(store: Store, run_id: str, artifacts: str, path: str, scratch: Path) -> Path:
    """Return the path of a run's artifact: the local file, or a download in `scratch`.

    artifacts: the run's recorded location. Raises OSError if there is no such file, ForeignPlace if it is
    outside the store.
    """
    place = place_of(store, artifacts)
    if place is not None:
        return file_in(place, path)
    from mlflow.exceptions import MlflowException

    folder = scratch / run_id
    folder.mkdir(exist_ok=True)
    try:
        return _download(store, artifacts, path, folder)
    except MlflowException as error:
        raise OSError(str(error)) from error


def _download(store: Store, artifacts: str, path: str, folder: Path) -> Path:
    """Download a file from where it is recorded; a server that does not answer is asked again.

    MLflow's client would ask the server for the run twice, and for its models, before every file.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    from qsweep.tracking.patience import RetryingClient

    def ask(_: bool = False) -> str:
        repository = get_artifact_repository(artifacts, tracking_uri=store.uri)
        return str(repository.download_artifacts(path, str(folder)))

    client: object = store.client
    return Path(client.retried(ask) if isinstance(client, RetryingClient) else ask())


def file_in(folder: Path, path: str) -> Path:
    """Return the path of a file in a folder. Raises OSError if it is missing, or a link out of the folder."""
    file = folder / path
    os.stat(file)  # a disk that fails is told from a missing file
    # A link out of the run's folder could make any file of the user's readable through a record.
    if not file.is_file() or not file.resolve().is_relative_to(folder.resolve()):
        raise FileNotFoundError(errno.ENOENT, "is no regular file in the run's folder", str(file))
    return file


def add_files(store: Store, run: StoredRun, folder: Path, place: str) -> None:
    """Add all files of a folder to a run's artifacts below `place`, replacing files of the same name."""
    if place_of(store, run.artifacts) is None:
        store.client.log_artifacts(run.run_id, str(folder), place)
        return
    for file in folder.rglob("*"):
        if file.is_file():
            keep_file(
                store, run.run_id, run.artifacts, file, str(Path(place) / file.relative_to(folder).parent)
            )
