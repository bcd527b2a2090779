"""Disk usage of each experiment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qsweep.commands.doctor.defect import Workspace
from qsweep.commands.doctor.orphans import LOST
from qsweep.runs.journal import Journal
from qsweep.tracking.inventory import local_folder, size
from qsweep.tracking.run_search import every_experiment


@dataclass(frozen=True)
class DiskUse:
    """The bytes that something takes; runs: its number of runs in words, may be empty."""

    what: str
    runs: str
    bytes: int


def uses(workspace: Workspace) -> Iterator[DiskUse]:
    """Yield the experiments, largest first, then everything else; nothing for a server."""
    if workspace.store.artifacts is None:
        return
    runs = Counter(run.experiment for run in workspace.runs.values())
    folders = {
        each.name: local_folder(workspace.store, each.artifact_location)
        for each in every_experiment(workspace.store)
    }
    found = [
        DiskUse(name, f"{runs[name]:,}", size(folder) if folder else 0) for name, folder in folders.items()
    ]
    yield from sorted((use for use in found if use.bytes or use.runs != "0"), key=lambda use: -use.bytes)
    if database := workspace.store.database:
        files = database.parent.glob(f"{database.name}*")
        yield DiskUse("database", "", sum(size(file) for file in files))
        backups = database.parent.glob(f"{database.stem}.backup-*")
        yield DiskUse("backups", "", sum(size(file) for file in backups))
    yield DiskUse("lost+found", "", size(workspace.store.artifacts.parent / LOST))
    ended = [folder for folder in workspace.folder.glob("multirun/*/*") if _ended(folder)]
    yield DiskUse(
        "multirun/: finished sweeps", f"{len(ended):,} sweeps", sum(size(folder) for folder in ended)
    )


def _ended(folder: Path) -> bool:
    if not folder.is_dir() or folder.is_symlink():
        return False
    journal = Journal(folder)
    return bool(journal.ended()) and not journal.running()
