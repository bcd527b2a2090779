"""The folder in which a command was started. Environments and Hydra may change the current folder later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_started: Path | None = None


def start_folder() -> Path:
    """Return the folder in which the command was started; the current one outside a command."""
    return _started or Path.cwd()


@contextmanager
def started_in(folder: Path) -> Iterator[None]:
    """Take a folder for the one in which the command was started."""
    global _started
    before, _started = _started, folder
    try:
        yield
    finally:
        _started = before


def shown(path: Path) -> Path:
    """Return a path as messages name it: relative to the folder of the command, if inside."""
    start = start_folder()
    return path.relative_to(start) if path.is_relative_to(start) else path
