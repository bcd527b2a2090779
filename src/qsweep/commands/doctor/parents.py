"""Runs that are nested under a run that is gone or deleted."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from qsweep.commands.doctor.finding import Finding, Patient
from qsweep.tracking.stored_run import PARENT, StoredRun

AILMENT = "missing parent"
LOST = "qsweep.lost_parent"
"""The tag that keeps what the parent's id was."""


def findings(patient: Patient) -> Iterator[Finding]:
    """One finding for each parent that is missed."""
    children: dict[str, list[StoredRun]] = {}
    for run in patient.runs.values():
        if run.parent and not run.deleted:
            children.setdefault(run.parent, []).append(run)
    for parent, nested in children.items():
        found = patient.runs.get(parent)
        count = f"{len(nested)} run{'s' if len(nested) > 1 else ''} nested under it, such as {nested[0].name}"
        if found is None:
            mend = partial(_cut, patient, nested, parent)
            yield Finding(
                AILMENT,
                f"run {parent}",
                f"does not exist; {count}",
                "nested runs moved to the top level",
                mend,
            )
        elif found.deleted:
            mend = partial(patient.store.client.restore_run, parent)
            yield Finding(AILMENT, str(found), f"was deleted; {count}", "restored", mend)


def _cut(patient: Patient, nested: list[StoredRun], parent: str) -> None:
    for run in nested:
        patient.store.client.set_tag(run.run_id, LOST, parent)
        patient.store.client.delete_tag(run.run_id, PARENT)
