"""What killed processes left behind: files half-written, folders aside, locks, scratch space."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path

from qsweep.commands.doctor.finding import Finding, Patient
from qsweep.system.liveness import FOLDER, is_running, remove_dead
from qsweep.tracking.inventory import size
from qsweep.tracking.unfinished import FOLDER as UNFINISHED

AILMENT = "leftover"
ASIDE = re.compile(r"\..+\.([1-9]\d{0,9})")
"""A file that `durable.AtomicFile` is writing, or a folder of `gc.thinning`: .NAME.PID."""
REPLACING = re.compile(r"\.qsweep-[0-9a-f]{32}")
"""A folder that `durable.replacing_folder` is writing, or keeps until the new one is in its place."""
SCRATCH = re.compile(r"qsweep-([1-9]\d{0,9})-\w+")
"""A folder of `durable.temporary_folder`."""
COPYING = re.compile(r"\..+\.[0-9a-f]{32}")
"""A file that is being copied among a run's artifacts."""
YOUNG = 24 * 3600
"""Seconds during which nothing is taken for a leftover: its writer may be on another machine."""


def findings(patient: Patient) -> Iterator[Finding]:
    """What is provably temporary, and folders that were put aside, which may be the only copy."""
    remove_dead(patient.folder / FOLDER)
    roots = [patient.folder / "multirun", *([patient.store.artifacts] if patient.store.artifacts else [])]
    for path in chain.from_iterable(sorted(root.rglob(".*")) for root in roots):
        match = ASIDE.fullmatch(path.name)
        named = match or COPYING.fullmatch(path.name)
        if named and not path.is_symlink() and _left(path, int(match[1]) if match else None):
            yield _removed(path, "an unfinished file")
    for path in sorted((patient.folder / UNFINISHED).glob("*")):
        run = patient.runs.get(path.name)
        if run and run.status == "FINISHED" and path.is_dir() and not path.is_symlink() and _old(path):
            yield _removed(path, f"the saved state of {run}, which has finished")
    for path in sorted(Path(tempfile.gettempdir()).glob("qsweep-*")):
        match = SCRATCH.fullmatch(path.name)
        if match and path.is_dir() and not path.is_symlink() and _left(path, int(match[1])):
            yield _removed(path, "temporary files of a process that has died")
    for path in sorted(patient.folder.glob(".qsweep-*")):
        if REPLACING.fullmatch(path.name) and path.is_dir() and not path.is_symlink() and _old(path):
            target = patient.folder / "mlruns" / "lost+found" / path.name.removeprefix(".")
            wrong = f"a folder that was being replaced, {size(path):,} bytes"
            remedy = f"moved to {target.relative_to(patient.folder)}, as it may be the only copy"
            yield Finding(AILMENT, str(path), wrong, remedy, partial(_move, path, target))


def _left(path: Path, number: int | None) -> bool:
    """Whether its process is gone, and was not of another machine a moment ago. Others' files are theirs."""
    try:
        return _old(path) and not (number and is_running(number))
    except OSError:  # it is gone
        return False


def _old(path: Path) -> bool:
    return time.time() - path.lstat().st_mtime > YOUNG


def _removed(path: Path, what: str) -> Finding:
    return Finding(AILMENT, str(path), f"{what}, {size(path):,} bytes", "removed", partial(_remove, path))


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def _move(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    path.rename(target)
