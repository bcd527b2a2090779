"""Files and folders that are either complete or absent: written beside their place, synced, then renamed."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO


class AtomicFile:
    """A binary file that replaces `path` when it is closed, and not before.

    As a context manager it is closed at the end, or discarded after an exception.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        self._file: BinaryIO = self._unfinished.open("wb")

    @property
    def closed(self) -> bool:
        """True once the file is complete and in its place."""
        return self._file.closed

    def write(self, data: bytes) -> int:
        """Append bytes; return their number."""
        return self._file.write(data)

    def flush(self) -> None:
        """Hand buffered bytes to the operating system."""
        self._file.flush()

    def close(self) -> None:
        """Sync the file and rename it to its place; a second call does nothing."""
        if self._file.closed:
            return
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._unfinished.replace(self._path)
        sync_folder(self._path.parent)

    def __enter__(self) -> AtomicFile:
        """Return the file."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close the file; after an exception, remove what was written."""
        try:
            if kind is None:
                self.close()
        finally:
            with suppress(OSError):  # what is left in the buffer may not fit on a full disk
                self._file.close()
            self._unfinished.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable, if the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file that is either complete or absent."""
    with AtomicFile(path) as file:
        file.write(data)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file that is either complete or absent."""
    write_bytes(path, text.encode())


def temporary_folder() -> TemporaryDirectory[str]:
    """Return a temporary folder; its name has the process's number, for the case that it is killed."""
    return TemporaryDirectory(prefix=f"qsweep-{os.getpid()}-")


def user_cache() -> Path:
    """Return the user's cache folder for qsweep; it is created if it does not exist."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qsweep"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def replacing_folder(folder: Path, check: Callable[[Path], None]) -> Iterator[Path]:
    """Yield a new folder that replaces `folder` at the end, synced, unless an exception is raised.

    check: raises if `folder` must not be replaced; called before the new folder is filled and after.
    """
    check(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    new, old = (folder.with_name(f".qsweep-{uuid.uuid4().hex}") for _ in range(2))
    try:
        new.mkdir()
        yield new
        sync_tree(new)
        check(folder)  # another process may have created it meanwhile
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
        sync_folder(folder.parent)
    except BaseException:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def sync_tree(folder: Path) -> None:
    """Make all files of a folder durable."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        else:
            sync_folder(path)
    sync_folder(folder)
