"""A run's saved progress on disk, from which it resumes after it was killed.

Each run has a folder, `multirun/unfinished/RUN_ID`. It holds the run's files in parts, complete and synced,
the engine's state after the last part, and a manifest that names them. The manifest starts with its own
checksum and is written last; files that it does not name are ignored. The folder is removed when the run
ends.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from qsweep.errors import Problem, UsageError
from qsweep.learning.blocks import State
from qsweep.system.atomic_files import temporary_folder, write_bytes, write_text
from qsweep.system.start_folder import start_folder
from qsweep.system.untrusted_files import disk_failed, opened
from qsweep.tracking import checkpoints, episodes

FOLDER = Path("multirun") / "unfinished"
MANIFEST, LOCK = "unfinished.json", ".lock"
KINDS = (episodes.FILE_NAME, checkpoints.FILE_NAME)
"""The files that are written in parts."""


@dataclass(frozen=True)
class Progress:
    """A run's progress at its last durable point.

    config: the config's hash. code: the result of `tracking.result_code.code_of`. episodes: number done, 0
    without a durable point. parts: number of files of each kind. seconds: time spent in training. hashes:
    the SHA-256 of every file by name.
    """

    folder: Path
    run_id: str = ""
    config: str = ""
    code: str = ""
    episodes: int = 0
    parts: int = 0
    seconds: float = 0.0
    hashes: Mapping[str, str] = field(default_factory=dict)

    def part(self, kind: str, number: int) -> Path:
        """Return the path of one part. kind: the name of the complete file."""
        return self.folder / f"{number:04d}-{kind}"

    def files(self, kind: str) -> list[Path]:
        """Return the paths of all parts of a file."""
        return [self.part(kind, number) for number in range(self.parts)]

    def state(self) -> State:
        """Return the engine's state to resume from; empty without a durable point."""
        if not self.episodes:
            return {}
        with np.load(self._state_file(), allow_pickle=False) as arrays:
            return dict(arrays)

    def _state_file(self) -> Path:
        return self.folder / f"{self.parts:04d}-state.npz"

    def make_durable(self, episodes: int, seconds: float, state: State) -> Progress:
        """Write the next durable point, after another part of each file is complete, and return it."""
        reached = replace(self, episodes=episodes, parts=self.parts + 1, seconds=seconds)
        arrays = io.BytesIO()
        np.savez(arrays, allow_pickle=False, **state)
        write_bytes(reached._state_file(), arrays.getvalue())
        new = [reached._state_file(), *(self.part(kind, self.parts) for kind in KINDS)]
        hashes = {**self.hashes, **{path.name: _sha256(path) for path in new}}
        hashes.pop(self._state_file().name, None)
        reached = replace(reached, hashes=hashes)
        known = json.dumps(asdict(reached) | {"folder": ""})
        write_text(self.folder / MANIFEST, f"{_checksum(known)}\n{known}")
        with suppress(OSError):
            self._state_file().unlink()
        return reached

    def readable(self) -> bool:
        """Return whether all files that the manifest names are unchanged."""
        try:
            return all(_sha256(self.folder / name) == known for name, known in self.hashes.items())
        except (OSError, ValueError) as error:
            if disk_failed(error):
                raise
            return False


def _sha256(path: Path) -> str:
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def progress_of(run_id: str, root: Path = FOLDER) -> Progress:
    """Return a run's saved progress, with 0 episodes if it has none to resume from."""
    folder = _folder(run_id, root)
    try:
        with opened(folder / MANIFEST) as file:
            checksum, _, known = file.read().decode().partition("\n")
        if checksum == _checksum(known):
            return Progress(**(json.loads(known) | {"folder": folder}))
    except (OSError, ValueError, TypeError) as error:
        if disk_failed(error):  # its files would be removed
            raise
    return Progress(folder, run_id)


def all_progress(root: Path = FOLDER) -> list[Progress]:
    """Return the saved progress of all runs that can be resumed, in no order."""
    manifests = (start_folder() / root).glob(f"*/{MANIFEST}")
    found = [progress_of(manifest.parent.name, root) for manifest in manifests]
    return [progress for progress in found if progress.episodes]


def forget(run_id: str, root: Path = FOLDER) -> None:
    """Remove a run's saved progress; an untracked run (id "") has none."""
    if run_id:
        shutil.rmtree(_folder(run_id, root), ignore_errors=True)


def _folder(run_id: str, root: Path) -> Path:
    """Return a run's folder. Raises UsageError for other ids than MLflow's: stores are not trusted."""
    if re.fullmatch(r"[\w-]*", run_id) is None:
        raise UsageError([Problem("run", "must have an id as MLflow makes them", run_id)])
    return start_folder() / root / run_id


@contextmanager
def working_folder(progress: Progress) -> Iterator[Progress]:
    """Hold a run's folder while it trains; afterwards keep it only if the run failed and can be resumed.

    Yields the progress, reset to 0 episodes if its files are damaged. Untracked runs get a temporary folder.
    Raises UsageError if another process holds the folder.
    """
    if not progress.run_id:
        with temporary_folder() as temporary:
            yield replace(progress, folder=Path(temporary))
        return
    run_id, folder = progress.run_id, progress.folder
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        held = lock.acquire()
    except Timeout:
        rule = "is being executed by another process"
        raise UsageError([Problem("run", rule, run_id, "wait until it ends")]) from None
    with held:
        progress = progress if progress.readable() else Progress(folder, run_id)
        _remove_unnamed(progress)
        try:
            yield progress
        except BaseException:
            if not progress_of(run_id, folder.parent).episodes:
                forget(run_id, folder.parent)
            raise
        forget(run_id, folder.parent)


def _remove_unnamed(progress: Progress) -> None:
    """Remove the files that the manifest does not name, which a killed process was writing."""
    named = {LOCK, *progress.hashes, *([MANIFEST] if progress.episodes else [])}
    for path in progress.folder.iterdir():
        if path.name not in named:
            path.unlink()
