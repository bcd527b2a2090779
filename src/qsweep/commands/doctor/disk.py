"""How much of the disk each experiment takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qsweep.commands.doctor.finding import Patient
from qsweep.commands.doctor.orphans import LOST
from qsweep.runs.journal import Jobs
from qsweep.tracking.inventory import local_folder, size
from qsweep.tracking.run_search import every_experiment


@dataclass(frozen=True)
class Use:
    """What takes how many bytes, and how many runs that is, or nothing."""

    what: str
    runs: str
    bytes: int


def uses(patient: Patient) -> Iterator[Use]:
    """The experiments, the largest first; then the rest. Of a server nothing is known."""
    if patient.store.artifacts is None:
        return
    runs = Counter(run.experiment for run in patient.runs.values())
    folders = {
        each.name: local_folder(patient.store, each.artifact_location)
        for each in every_experiment(patient.store)
    }
    found = [Use(name, f"{runs[name]:,}", size(folder) if folder else 0) for name, folder in folders.items()]
    yield from sorted((use for use in found if use.bytes or use.runs != "0"), key=lambda use: -use.bytes)
    if database := patient.store.database:
        files = database.parent.glob(f"{database.name}*")
        yield Use("database", "", sum(size(file) for file in files))
        backups = database.parent.glob(f"{database.stem}.backup-*")
        yield Use("backups", "", sum(size(file) for file in backups))
    yield Use("lost+found", "", size(patient.store.artifacts.parent / LOST))
    ended = [folder for folder in patient.folder.glob("multirun/*/*") if _ended(folder)]
    yield Use("multirun/: finished sweeps", f"{len(ended):,} sweeps", sum(size(folder) for folder in ended))


def _ended(folder: Path) -> bool:
    if not folder.is_dir() or folder.is_symlink():
        return False
    jobs = Jobs(folder)
    return jobs.count_ended() > 0 and not jobs.running()
