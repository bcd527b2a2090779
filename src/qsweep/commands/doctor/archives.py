"""Checkpoints and episodes that cannot be read back; every byte is read, with its checksums."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from qsweep.commands.doctor.finding import DISOWNED, Finding, Patient, disown
from qsweep.errors import one_line
from qsweep.policies.evaluation import TEST_FILE
from qsweep.system.untrusted_files import read_columns
from qsweep.tracking import checkpoints, episodes
from qsweep.tracking.stored_run import DAMAGED, StoredRun

AILMENT = "unreadable archive"
HASH = "qsweep.qtable_sha256"


def findings(patient: Patient) -> Iterator[Finding]:
    """Damaged archives of a local store's runs."""
    for run in patient.runs.values():
        folder = patient.files_of(run)
        if folder is None or run.deleted or not run.trained or run.status == "RUNNING" or DAMAGED in run.tags:
            continue
        checks = {
            f"checkpoints/{checkpoints.FILE_NAME}": _check_history,
            episodes.FILE_NAME: _check_columns,
            f"evaluation/{TEST_FILE}": _check_columns,
        }
        for name, check in checks.items():
            if (folder / name).is_file():  # what is missing is another module's
                try:
                    check(folder / name, run)
                except Exception as error:  # a damaged file makes its reader raise many kinds
                    yield _finding(patient, run, name, error)


def _finding(patient: Patient, run: StoredRun, name: str, error: Exception) -> Finding:
    wrong = one_line(error, kind=True)
    if getattr(error, "errno", None) is not None:
        return Finding(AILMENT, f"{run}: {name}", wrong, "check the disk and the file's permissions")
    return Finding(AILMENT, f"{run}: {name}", wrong, DISOWNED, partial(disown, patient, run, name))


def _check_history(path: Path, run: StoredRun) -> None:
    archive = checkpoints.Archive(path)
    numbers = archive.episodes().tolist()
    [(_, last)] = deque(archive.tables(numbers), maxlen=1) or [(0, None)]
    if last is None:
        raise ValueError("it contains no checkpoint")
    recorded = run.tags.get(HASH)
    if recorded and checkpoints.sha256(last) != recorded:
        raise ValueError(f"its last table does not match the hash that the run recorded ({HASH})")


def _check_columns(path: Path, _: StoredRun) -> None:
    read_columns(path)
