"""Leftovers of killed processes: unfinished files, replaced folders, locks, temporary files."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path

from qsweep.commands.doctor.defect import Defect, Workspace, move_aside
from qsweep.system.liveness import FOLDER, is_running, remove_dead
from qsweep.tracking.inventory import size
from qsweep.tracking.unfinished import FOLDER as UNFINISHED

KIND = "leftover"
ASIDE = re.compile(r"\..+\.([1-9]\d{0,9})")
"""A file that `AtomicFile` is writing, or a folder of `gc.downsampling`: .NAME.PID."""
REPLACING = re.compile(r"\.qsweep-[0-9a-f]{32}")
"""A folder that `replacing_folder` is writing, or keeps until its replacement is in place."""
SCRATCH = re.compile(r"qsweep-([1-9]\d{0,9})-\w+")
"""A folder of `temporary_folder`."""
COPYING = re.compile(r"\..+\.[0-9a-f]{32}")
"""A file that is being copied into a run's artifacts."""
YOUNG = 24 * 3600
"""Seconds before a file counts as a leftover, because its writer may be on another machine."""


def defects(workspace: Workspace) -> Iterator[Defect]:
    """Yield files that are certainly temporary, and replaced folders, which may be the only copy."""
    remove_dead(workspace.folder / FOLDER)
    roots = [
        workspace.folder / "multirun",
        *([workspace.store.artifacts] if workspace.store.artifacts else []),
    ]
    for path in chain.from_iterable(sorted(root.rglob(".*")) for root in roots):
        match = ASIDE.fullmatch(path.name)
        named = match or COPYING.fullmatch(path.name)
        if named and not path.is_symlink() and _left(path, int(match[1]) if match else None):
            yield _removed(path, "an unfinished file")
    for path in sorted((workspace.folder / UNFINISHED).glob("*")):
        run = workspace.runs.get(path.name)
        if run and run.status == "FINISHED" and path.is_dir() and not path.is_symlink() and _old(path):
            yield _removed(path, f"the saved state of {run}, which has finished")
    for path in sorted(Path(tempfile.gettempdir()).glob("qsweep-*")):
        match = SCRATCH.fullmatch(path.name)
        if match and path.is_dir() and not path.is_symlink() and _left(path, int(match[1])):
            yield _removed(path, "temporary files of a process that has died")
    for path in sorted(workspace.folder.glob(".qsweep-*")):
        if REPLACING.fullmatch(path.name) and path.is_dir() and not path.is_symlink() and _old(path):
            target = workspace.folder / "mlruns" / "lost+found" / path.name.removeprefix(".")
            details = f"a folder that was being replaced, {size(path):,} bytes"
            remedy = f"moved to {target.relative_to(workspace.folder)}, as it may be the only copy"
            yield Defect(KIND, str(path), details, remedy, partial(move_aside, path, target))


def _left(path: Path, number: int | None) -> bool:
    """Return whether a file is old and no process of this machine with this number is running."""
    try:
        return _old(path) and not (number and is_running(number))
    except OSError:  # it was removed meanwhile
        return False


def _old(path: Path) -> bool:
    return time.time() - path.lstat().st_mtime > YOUNG


def _removed(path: Path, what: str) -> Defect:
    return Defect(KIND, str(path), f"{what}, {size(path):,} bytes", "removed", partial(_remove, path))


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()
