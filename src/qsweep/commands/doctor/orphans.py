"""Files of runs that the store does not know, and runs without their files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from qsweep.commands.doctor.finding import DISOWNED, Finding, Patient, disown
from qsweep.system.untrusted_files import read_yaml
from qsweep.tracking import checkpoints, episodes
from qsweep.tracking.inventory import size
from qsweep.tracking.tables.sqlite_database import SqliteDatabase

AILMENT, MISSING = "orphaned files", "missing files"
LOST = "lost+found"
"""The folder beside the artifacts that orphans are moved to."""
NEEDED = ("config.yaml", episodes.FILE_NAME, f"checkpoints/{checkpoints.FILE_NAME}")
"""What a finished run has left, whatever its config."""
RUN, MODEL = re.compile("[0-9a-f]{32}"), re.compile("m-[0-9a-f]{32}")


def findings(patient: Patient) -> Iterator[Finding]:
    """Orphans, then finished runs that lack something; of a local store only."""
    root, database = patient.store.artifacts, patient.store.database
    if root is not None and database is not None:
        for folder in _orphans(root, database):
            place = folder.relative_to(root)
            remedy = f"moved to {LOST}/{place}"
            wrong = f"{size(folder):,} bytes that belong to no run or model in the store"
            yield Finding(AILMENT, str(place), wrong, remedy, partial(_move, root, folder))
    yield from _missing(patient)


def _orphans(root: Path, database: Path) -> Iterator[Path]:
    # First what is there, then what the store knows: a run is in the store before its files are.
    folders = [*root.glob("*/*"), *root.glob("*/models/*")]
    runs, models = (
        {row[0] for row in SqliteDatabase(database).read(f"SELECT {key} FROM {table}")}  # noqa: S608
        for key, table in (("run_uuid", "runs"), ("model_id", "logged_models"))
    )
    found = [
        folder
        for folder in sorted(folders)
        if (RUN.fullmatch(folder.name) and folder.name not in runs)
        or (MODEL.fullmatch(folder.name) and folder.name not in models)
    ]
    # A store on PostgreSQL has its artifacts in the same folder: what is whose cannot be told then.
    yield from () if any(map(_is_elsewhere, found)) else found


def _is_elsewhere(folder: Path) -> bool:
    """Whether a run's or model's config says that it is recorded in PostgreSQL."""
    for place in ("artifacts", "artifacts/artifacts"):
        with suppress(OSError, ValueError, TypeError, LookupError):
            uri = read_yaml(folder / place / "config.yaml")["tracking"]["uri"]
            return str(uri).startswith("postgresql:")
    return False


def _move(root: Path, folder: Path) -> None:
    where = root.parent / LOST / folder.relative_to(root)
    where.parent.mkdir(parents=True, exist_ok=True)
    number, free = 0, where
    while free.exists() or free.is_symlink():
        number += 1
        free = where.with_name(f"{where.name}.{number}")
    folder.rename(free)


def _missing(patient: Patient) -> Iterator[Finding]:
    for run in patient.runs.values():
        folder = patient.files_of(run)
        if run.deleted or not run.trained or run.status != "FINISHED" or folder is None:
            continue
        lost = [name for name in NEEDED if not (folder / name).is_file()]
        if lost:
            names = ", ".join(lost)
            mend = partial(disown, patient, run, names)
            yield Finding(MISSING, str(run), f"has no {names}", DISOWNED, mend)
