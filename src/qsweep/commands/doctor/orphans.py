"""Files of runs that are not in the store, and runs without their files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from qsweep.commands.doctor.defect import MARKED_FAILED, Defect, Workspace, mark_failed, move_aside
from qsweep.system.untrusted_files import read_yaml
from qsweep.tracking.companions import Companions
from qsweep.tracking.completeness import missing_in
from qsweep.tracking.inventory import size
from qsweep.tracking.places import recorded_path
from qsweep.tracking.tables.database import Database

KIND, MISSING = "orphaned files", "missing files"
LOST = "lost+found"
"""The folder, next to the artifacts, that orphans are moved to."""
RUN, MODEL = re.compile("[0-9a-f]{32}"), re.compile("m-[0-9a-f]{32}")


def defects(workspace: Workspace) -> Iterator[Defect]:
    """Yield orphaned files of a local store with known tables, then finished runs with missing files."""
    root, tables = workspace.store.artifacts, workspace.store.tables
    if root is not None and tables is not None and workspace.store.database is not None:
        found, companions = [*_orphans(root, tables.database)], Companions(workspace.store)
        # A server on PostgreSQL may use the same folder for artifacts: then they cannot be attributed.
        served = (root.parent / "postgresql").exists() or any(map(_is_elsewhere, found))
        for folder in found:
            place = folder.relative_to(root)
            remedy = f"moved to {LOST}/{place}"
            details = f"{size(folder):,} bytes that belong to no run or model in the store"
            repair = partial(move_aside, folder, root.parent / LOST / place)
            named = companions.naming(folder.name)
            if named or served:
                by = f"{named.name} may name them" if named else "a server may name them"
                advice = f"left: {by}; remove it, or move the files yourself, if they are not needed"
                yield Defect(KIND, str(place), details, advice, harmless=True)
            else:
                yield Defect(KIND, str(place), details, remedy, repair)
    yield from _missing(workspace)


def _orphans(root: Path, database: Database) -> Iterator[Path]:
    # Folders first, then the store's runs: a run is added to the store before its files are written.
    folders = [*root.glob("*/*"), *root.glob("*/models/*")]
    runs, models = (
        {row[0] for row in database.read(f"SELECT {key} FROM {table}")}  # noqa: S608
        for key, table in (("run_uuid", "runs"), ("model_id", "logged_models"))
    )
    yield from (
        folder
        for folder in sorted(folders)
        if (RUN.fullmatch(folder.name) and folder.name not in runs)
        or (MODEL.fullmatch(folder.name) and folder.name not in models)
    )


def _is_elsewhere(folder: Path) -> bool:
    """Return whether a run's or model's config says that it is recorded on a server."""
    for place in ("artifacts", "artifacts/artifacts"):
        with suppress(OSError, ValueError, TypeError, LookupError):
            uri = read_yaml(folder / place / "config.yaml")["tracking"]["uri"]
            return not str(uri).startswith(("local", "sqlite:", "none"))
    return False


def _missing(workspace: Workspace) -> Iterator[Defect]:
    lost_in: dict[Path, list[str]] = {}
    for run in workspace.runs.values():
        folder = workspace.files_of(run)
        if run.deleted or not run.trained or run.status != "FINISHED" or folder is None:
            continue
        if folder not in lost_in:
            lost_in[folder] = missing_in(folder)
        if lost := lost_in[folder]:
            names = ", ".join(lost)
            recorded = recorded_path(workspace.store, run.artifacts)
            if recorded != folder:
                advice = "copy its files here, or delete the run"
                yield Defect(MISSING, str(run), f"has no {names} here; recorded at {recorded}", advice)
                continue
            repair = partial(mark_failed, workspace, run, names)
            yield Defect(MISSING, str(run), f"has no {names}", MARKED_FAILED, repair)
