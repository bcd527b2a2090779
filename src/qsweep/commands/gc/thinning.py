"""A run's history with fewer checkpoints, written whole before it takes the place of the old one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from qsweep.system.atomic_files import sync_folder
from qsweep.tracking.checkpoints import Archive, History, sha256


def thinned(path: Path, episodes: Sequence[int], target: Path) -> int:
    """Write the history at `path` with these checkpoints alone to `target`; returns how many bytes it takes.

    Raises ValueError where what was written does not read back as it was, UsageError or others where the
    old one is damaged.
    """
    archive = Archive(path)
    hashes = []
    with History(target, archive.shape, archive.about) as history:
        for number, table in archive.tables(episodes):
            history.add(number, table)
            hashes.append((number, sha256(table)))
    read = [(number, sha256(table)) for number, table in Archive(target).tables(episodes)]
    if read != hashes or [number for number, _ in read] != list(episodes):
        target.unlink()
        raise ValueError("the reduced checkpoint file does not read back as written")
    return target.stat().st_size


def thin(path: Path, episodes: Sequence[int]) -> int:
    """Thin a history in its place; returns the bytes that it takes now. Raises as `thinned` does."""
    aside = path.with_name(f".{path.stem}.{os.getpid()}")  # by its name a leftover, if this is killed
    try:
        aside.mkdir()
        size = thinned(path, episodes, aside / path.name)
        (aside / path.name).replace(path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    sync_folder(path.parent)
    return size
