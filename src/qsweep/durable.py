"""Files that are either whole or not there: written aside, synced, then renamed."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
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


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    file = WholeFile(path)
    file.write(text.encode())
    file.close()


def user_cache() -> Path:
    """The user's folder for what can be made again; exists afterwards."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qsweep"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
