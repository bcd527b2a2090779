"""Files and folders that are either whole or not there: written aside, synced, then renamed."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO


class WholeFile:
    """A binary file that takes the place of `path` when it is closed, and not before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._aside = path.with_name(f".{path.name}.{os.getpid()}")
        self._file: BinaryIO = self._aside.open("wb")

    @property
    def closed(self) -> bool:
        """Whether the file is complete."""
        return self._file.closed

    def write(self, data: bytes) -> int:
        """Append bytes."""
        return self._file.write(data)

    def flush(self) -> None:
        """Hand what is buffered to the operating system."""
        self._file.flush()

    def close(self) -> None:
        """Sync and rename; a second call does nothing."""
        if self._file.closed:
            return
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._aside.replace(self._path)
        sync_folder(self._path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    file = WholeFile(path)
    file.write(data)
    file.close()


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    write_bytes(path, text.encode())


def temporary_folder() -> TemporaryDirectory[str]:
    """A folder for as long as it is entered; its name says whose it is, should its process be killed."""
    return TemporaryDirectory(prefix=f"qsweep-{os.getpid()}-")


def user_cache() -> Path:
    """The user's folder for what can be made again; exists afterwards."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qsweep"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def taking_place_of(folder: Path, check: Callable[[Path], None]) -> Iterator[Path]:
    """A new folder beside `folder` that takes its place, synced, unless something is raised.

    check: raises where what lies at `folder` may not be replaced; asked before and after.
    """
    check(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside, old = (folder.with_name(f".qsweep-{uuid.uuid4().hex}") for _ in range(2))
    try:
        aside.mkdir()
        yield aside
        _sync(aside)
        check(folder)  # something may have come into being meanwhile
        if folder.exists():
            folder.rename(old)
        aside.rename(folder)
        sync_folder(folder.parent)
    except BaseException:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _sync(folder: Path) -> None:
    """Make a folder and all in it durable."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        else:
            sync_folder(path)
    sync_folder(folder)
