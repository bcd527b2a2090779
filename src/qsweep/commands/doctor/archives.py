"""Unreadable files of checkpoints and episodes; every byte is read and its checksum compared."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from qsweep.commands.doctor.defect import HASH, MARKED_FAILED, Defect, Workspace, mark_failed
from qsweep.errors import one_line
from qsweep.policies.evaluation.evaluator import TEST_FILE
from qsweep.system.untrusted_files import read_columns
from qsweep.tracking import checkpoints, episodes
from qsweep.tracking.stored_run import DAMAGED, StoredRun

KIND = "unreadable archive"


def defects(workspace: Workspace) -> Iterator[Defect]:
    """Yield the damaged archives of a local store's runs."""
    errors: dict[tuple[Path, str | None], Exception | None] = {}  # a store may have copies of a run
    for run in workspace.runs.values():
        folder = workspace.files_of(run)
        if folder is None or run.deleted or not run.trained or run.status == "RUNNING" or DAMAGED in run.tags:
            continue
        checks = {
            f"checkpoints/{checkpoints.FILE_NAME}": _check_history,
            episodes.FILE_NAME: _check_columns,
            f"evaluation/{TEST_FILE}": _check_columns,
        }
        for name, check in checks.items():
            key = (folder / name, run.tags.get(HASH))
            if key not in errors:
                errors[key] = _error(check, folder / name, run)
            if error := errors[key]:
                yield _defect(workspace, run, name, error)


def _error(check: Callable[[Path, StoredRun], None], path: Path, run: StoredRun) -> Exception | None:
    if not path.is_file():  # `orphans` reports it
        return None
    try:
        check(path, run)
    except Exception as error:  # a damaged file makes its reader raise many kinds
        return error
    return None


def _defect(workspace: Workspace, run: StoredRun, name: str, error: Exception) -> Defect:
    details = one_line(error, kind=True)
    if getattr(error, "errno", None) is not None:
        return Defect(KIND, f"{run}: {name}", details, "check the disk and the file's permissions")
    return Defect(KIND, f"{run}: {name}", details, MARKED_FAILED, partial(mark_failed, workspace, run, name))


def _check_history(path: Path, run: StoredRun) -> None:
    archive = checkpoints.Archive(path)
    [(_, last)] = deque(archive.stored_tables(archive.stored.tolist()), maxlen=1) or [(0, None)]
    if last is None:
        raise ValueError("it contains no checkpoint")
    recorded = run.tags.get(HASH)
    if recorded and checkpoints.sha256(last) != recorded:
        raise ValueError(f"its last table does not match the hash that the run recorded ({HASH})")


def _check_columns(path: Path, _: StoredRun) -> None:
    read_columns(path)
