"""Disk usage of each experiment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qsweep.commands.doctor.defect import Workspace
from qsweep.commands.doctor.orphans import LOST
from qsweep.runs.journal import Journal
from qsweep.tracking.companions import Companions
from qsweep.tracking.inventory import size
from qsweep.tracking.run_search import experiments
from qsweep.tracking.tables import registry_rows


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
    yield from _experiments(workspace, workspace.store.artifacts)
    if database := workspace.store.database:
        files = database.parent.glob(f"{database.name}*")
        yield DiskUse("database", "", sum(size(file) for file in files))
        backups = database.parent.glob(f"{database.stem}.backup-*")
        yield DiskUse("backups", "", sum(size(file) for file in backups))
        others = [file for file in Companions(workspace.store).files if ".backup-" not in file.name]
        yield DiskUse("other databases", "", sum(size(file) for file in others))
    yield DiskUse("lost+found", "", size(workspace.store.artifacts.parent / LOST))
    ended = [folder for folder in workspace.folder.glob("multirun/*/*") if _ended(folder)]
    yield DiskUse(
        "multirun/: finished sweeps", f"{len(ended):,} sweeps", sum(size(folder) for folder in ended)
    )


def _experiments(workspace: Workspace, root: Path) -> Iterator[DiskUse]:
    """Yield the bytes of each experiment's runs and models; experiments may share a folder.

    What belongs to none of them, such as the files of another store, comes last.
    """
    runs = Counter(run.experiment for run in workspace.runs.values())
    owners = {run.run_id: run.experiment for run in workspace.runs.values()}
    if tables := workspace.store.tables:
        names = experiments(workspace.store, deleted=True)
        models = registry_rows.logged_models(tables.database)
        owners |= {model.model_id: names.get(model.experiment_id, "") for model in models}
    found: Counter[str] = Counter(dict.fromkeys(runs, 0))
    for folder in (*root.glob("*/*"), *root.glob("*/*/*"), *root.glob("*/*/models/*")):
        if owner := owners.get(folder.name):
            found[owner] += size(folder)
    other = size(root) - sum(found.values())
    yield from (DiskUse(name, f"{runs[name]:,}", found[name]) for name, _ in found.most_common())
    yield DiskUse("files of no run here", "", other)


def _ended(folder: Path) -> bool:
    if not folder.is_dir() or folder.is_symlink():
        return False
    journal = Journal(folder)
    return bool(journal.ended()) and not journal.running()
