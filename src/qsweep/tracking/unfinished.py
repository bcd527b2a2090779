"""What a run has on disk while it trains, and from which it goes on after it was killed.

A folder a run, `multirun/unfinished/RUN_ID`: its files in parts, each complete and synced; the engine's
state at the end of the last one; and a manifest that names them, written last, below its own checksum.
Whatever is not in the manifest does not count. A run that ends takes its folder along.
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
from qsweep.tracking import checkpoints, episodes

FOLDER = Path("multirun") / "unfinished"
MANIFEST, LOCK = "unfinished.json", ".lock"
KINDS = (episodes.FILE_NAME, checkpoints.FILE_NAME)
"""The files that are in parts."""


@dataclass(frozen=True)
class Left:
    """A run at its last durable point.

    config: its hash; code: what `tracking.provenance.code` said. episodes: how many are done, 0 where
    there is no such point. parts: how many files of each kind hold them. seconds: spent in training.
    hashes: the SHA-256 of every file, by its name.
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
        """One of the files that make up `kind`, a file's name."""
        return self.folder / f"{number:04d}-{kind}"

    def files(self, kind: str) -> list[Path]:
        """The files that make up `kind`."""
        return [self.part(kind, number) for number in range(self.parts)]

    def state(self) -> State:
        """What training goes on from; empty at the very beginning."""
        if not self.episodes:
            return {}
        with np.load(self._state_file(), allow_pickle=False) as arrays:
            return dict(arrays)

    def _state_file(self) -> Path:
        return self.folder / f"{self.parts:04d}-state.npz"

    def settle(self, episodes: int, seconds: float, state: State) -> Left:
        """The next durable point, once another part of each file is complete."""
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
        """Whether everything that the manifest names is as it was written."""
        try:
            return all(_sha256(self.folder / name) == known for name, known in self.hashes.items())
        except OSError:
            return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def left_by(run_id: str, root: Path = FOLDER) -> Left:
    """What a run left; at 0 episodes where that is nothing from which it could go on."""
    folder = _folder(run_id, root)
    try:
        checksum, _, known = (folder / MANIFEST).read_text().partition("\n")
        if checksum == _checksum(known):
            return Left(**(json.loads(known) | {"folder": folder}))
    except (OSError, ValueError, TypeError):
        pass
    return Left(folder, run_id)


def all_left(root: Path = FOLDER) -> list[Left]:
    """What runs left that can go on, in no order."""
    found = [left_by(manifest.parent.name, root) for manifest in root.glob(f"*/{MANIFEST}")]
    return [left for left in found if left.episodes]


def forget(run_id: str, root: Path = FOLDER) -> None:
    """Remove what a run left; one that is not tracked has left nothing."""
    if run_id:
        shutil.rmtree(_folder(run_id, root), ignore_errors=True)


def _folder(run_id: str, root: Path) -> Path:
    """A run's folder. Ids come from a store, and anybody may have written that."""
    if re.fullmatch(r"[\w-]*", run_id) is None:
        raise UsageError([Problem("run", "must have an id as MLflow makes them", run_id)])
    return root / run_id


@contextmanager
def workplace(left: Left) -> Iterator[Left]:
    """A run's folder while it trains, and until it finishes if it could go on.

    What cannot be read any more does not count. Of a run that is not tracked, nothing is left.
    """
    if not left.run_id:
        with temporary_folder() as temporary:
            yield replace(left, folder=Path(temporary))
        return
    left.folder.mkdir(parents=True, exist_ok=True)
    with _alone(left):
        left = left if left.readable() else Left(left.folder, left.run_id)
        _keep_only(left)
        try:
            yield left
        except BaseException:
            if not left_by(left.run_id, left.folder.parent).episodes:
                forget(left.run_id, left.folder.parent)
            raise
        forget(left.run_id, left.folder.parent)


@contextmanager
def _alone(left: Left) -> Iterator[None]:
    """Holds a run's folder; raises UsageError where another process does."""
    lock = FileLock(left.folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        rule = "is being executed by another process"
        raise UsageError([Problem("run", rule, left.run_id, "wait until it ends")]) from None
    try:
        yield
    finally:
        lock.release()


def _keep_only(left: Left) -> None:
    """Remove what a killed process was writing when it died."""
    named = {LOCK, *left.hashes, *([MANIFEST] if left.episodes else [])}
    for path in left.folder.iterdir():
        if path.name not in named:
            path.unlink()
