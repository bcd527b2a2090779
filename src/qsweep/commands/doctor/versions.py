"""Registered versions whose run or files are missing, and interrupted registrations."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from qsweep.commands.doctor.defect import Defect, Workspace
from qsweep.policies.registry.model import FILES
from qsweep.policies.registry.promotion import finish_registration, is_interrupted
from qsweep.policies.registry.versions import RUN_ID, every_version, is_ours, place_of_version
from qsweep.tracking.inventory import local_folder
from qsweep.tracking.stored_run import CONFIG, StoredRun

BROKEN, INCOMPLETE = "broken version", "incomplete registration"


def defects(workspace: Workspace) -> Iterator[Defect]:
    """Yield the defects of the registered versions."""
    for version in every_version(workspace.store):
        if not is_ours(version.tags):
            continue
        name = f"{version.name}/{version.version}"
        run = workspace.runs.get(version.tags[RUN_ID])
        lost = _lost_files(workspace, version)
        if lost:
            remedy = "delete the version, or restore its files from a backup"
            yield Defect(BROKEN, name, f"its model lacks {', '.join(lost)}", remedy)
        elif run is None and version.tags[RUN_ID] not in workspace.ids:
            remedy = "pull and play still work; delete the version if you do not need it"
            yield Defect(BROKEN, name, "its run does not exist", remedy)
        elif run is None:
            continue  # it is there, though its row is damaged
        elif run.deleted and not _replaced(workspace, run):
            repair = partial(workspace.store.client.restore_run, run.run_id)
            yield Defect(BROKEN, name, f"its run {run} was deleted", "run restored", repair)
        elif not run.deleted and is_interrupted(version.tags):
            details = "registered, but not compared with the best version: the process was killed"
            compare = partial(
                finish_registration, workspace.store, version.name, str(version.version), run.run_id
            )
            yield Defect(
                INCOMPLETE,
                name,
                details,
                "compared with the best version, which it replaces if better",
                compare,
            )


def _replaced(workspace: Workspace, run: StoredRun) -> bool:
    """Return whether its sweep has run the same config again, so that restoring it would duplicate it."""
    return any(
        (other.parent, other.tags.get(CONFIG)) == (run.parent, run.tags.get(CONFIG))
        for other in workspace.runs.values()
        if run.parent and not other.deleted and other.status == "FINISHED"
    )


def _lost_files(workspace: Workspace, version: Any) -> list[str]:
    """Return the missing files of a version's policy; none are looked for on a server."""
    if workspace.store.artifacts is None:
        return []
    folder = local_folder(workspace.store, place_of_version(workspace.store, version))
    if folder is None:
        return []
    return [file for file in FILES.values() if not (folder / "artifacts" / file).is_file()]
