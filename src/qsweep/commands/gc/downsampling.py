"""Downsample a run's checkpoint file: write a new one completely, then replace the old one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from qsweep.system.atomic_files import sync_folder
from qsweep.tracking.checkpoints import Archive, History, sha256


def write_downsampled(path: Path, episodes: Sequence[int], target: Path) -> int:
    """Write a checkpoint file with only these checkpoints of `path` to `target`; return its size in bytes.

    Raises ValueError if the new file does not read back as written, UsageError or others if the old one
    is damaged.
    """
    archive = Archive(path)
    hashes = []
    with History(target, archive.shape, archive.about, archive.retrainable) as history:
        for number, table in archive.tables(episodes):
            history.add(number, table)
            hashes.append((number, sha256(table)))
    read = [(number, sha256(table)) for number, table in Archive(target).tables(episodes)]
    if read != hashes or [number for number, _ in read] != list(episodes):
        target.unlink()
        raise ValueError("the reduced checkpoint file does not read back as written")
    return target.stat().st_size


def downsample(path: Path, episodes: Sequence[int]) -> int:
    """Downsample a checkpoint file in place; return its size in bytes. Raises like `write_downsampled`."""
    temporary = path.with_name(
        f".{path.stem}.{os.getpid()}"
    )  # `qsweep doctor` knows this name, if this is killed
    try:
        temporary.mkdir()
        size = write_downsampled(path, episodes, temporary / path.name)
        (temporary / path.name).replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    sync_folder(path.parent)
    return size
