"""Runs that are nested under a run that is deleted or does not exist."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from qsweep.commands.doctor.defect import Defect, Workspace
from qsweep.tracking.stored_run import PARENT, StoredRun

KIND = "missing parent"
LOST = "qsweep.lost_parent"
"""The tag with the id of the former parent."""


def defects(workspace: Workspace) -> Iterator[Defect]:
    """Yield one defect for each missing parent."""
    children: dict[str, list[StoredRun]] = {}
    for run in workspace.runs.values():
        if run.parent and not run.deleted:
            children.setdefault(run.parent, []).append(run)
    for parent, nested in children.items():
        found = workspace.runs.get(parent)
        count = f"{len(nested)} run{'s' if len(nested) > 1 else ''} nested under it, such as {nested[0].name}"
        if found is None and parent in workspace.ids:
            continue  # it is there, though its row is damaged
        if found is None:
            repair = partial(_cut, workspace, nested, parent)
            yield Defect(
                KIND,
                f"run {parent}",
                f"does not exist; {count}",
                "nested runs moved to the top level",
                repair,
            )
        elif found.deleted:
            repair = partial(workspace.store.client.restore_run, parent)
            yield Defect(KIND, str(found), f"was deleted; {count}", "restored", repair)


def _cut(workspace: Workspace, nested: list[StoredRun], parent: str) -> None:
    for run in nested:
        workspace.store.client.set_tag(run.run_id, LOST, parent)
        workspace.store.client.delete_tag(run.run_id, PARENT)
