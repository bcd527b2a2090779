"""A folder that is either whole or not there, and replaces only what it may."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from qsweep.durable import sync_folder


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
