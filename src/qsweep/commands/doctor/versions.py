"""Registered versions whose run or files are gone, and registrations that were cut short."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from qsweep.commands.doctor.finding import Finding, Patient
from qsweep.policies.registry.model import FILES
from qsweep.policies.registry.promotion import JUDGED, judge
from qsweep.policies.registry.versions import every_version
from qsweep.tracking.inventory import local_folder
from qsweep.tracking.stored_run import CONFIG, StoredRun

GONE, UNSETTLED = "broken version", "incomplete registration"
RUN_ID = "qsweep.run_id"
"""The tag of versions that qsweep registered."""


def findings(patient: Patient) -> Iterator[Finding]:
    """What is wrong with each version, or with what became of it."""
    for version in every_version(patient.store):
        if RUN_ID not in version.tags:
            continue
        name = f"{version.name}/{version.version}"
        run = patient.runs.get(version.tags[RUN_ID])
        lost = _lost_files(patient, version)
        if lost:
            remedy = "delete the version, or restore its files from a backup"
            yield Finding(GONE, name, f"its model lacks {', '.join(lost)}", remedy)
        elif run is None:
            remedy = "pull and play still work; delete the version if you do not need it"
            yield Finding(GONE, name, "its run does not exist", remedy)
        elif run.deleted and not _replaced(patient, run):
            mend = partial(patient.store.client.restore_run, run.run_id)
            yield Finding(GONE, name, f"its run {run} was deleted", "run restored", mend)
        elif not run.deleted and JUDGED not in version.tags:
            wrong = "registered, but not compared with the best version: the process was killed"
            compare = partial(judge, patient.store, version.name, str(version.version), run.run_id)
            yield Finding(
                UNSETTLED, name, wrong, "compared with the best version, which it replaces if better", compare
            )


def _replaced(patient: Patient, run: StoredRun) -> bool:
    """Whether its sweep has run the same config again since: restored, it would be there twice."""
    return any(
        (other.parent, other.tags.get(CONFIG)) == (run.parent, run.tags.get(CONFIG))
        for other in patient.runs.values()
        if run.parent and not other.deleted and other.status == "FINISHED"
    )


def _lost_files(patient: Patient, version: Any) -> list[str]:
    """Files of its policy that a version's model lacks; of a server's none are looked for."""
    source = version.source
    if patient.store.artifacts is None:
        return []
    model = re.fullmatch(r"models:/(m-[0-9a-f]{32})", source or "")
    if model:
        source = patient.store.client.get_logged_model(model[1]).artifact_location
    folder = local_folder(patient.store, source)
    if folder is None:
        return []
    return [file for file in FILES.values() if not (folder / "artifacts" / file).is_file()]
