"""Policies that qsweep ships: the best of each environment of the atlas, by the name atlas:ENVIRONMENT."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

from qsweep.errors import Problem, UsageError, closest
from qsweep.policies.policy import Policy
from qsweep.system.atomic_files import temporary_folder, write_bytes

PREFIX = "atlas:"
FOLDER = Path(__file__).with_name("atlas")
EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The time of the files in an archive, so that equal policies make equal archives."""


def write_shipped(policy: Policy, path: Path) -> None:
    """Write a policy's folder as a zip archive, complete or not at all."""
    made = BytesIO()
    with temporary_folder() as scratch:
        folder = Path(scratch) / "policy"
        folder.mkdir()
        policy.save(folder)
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for file in sorted(folder.iterdir()):
                entry = zipfile.ZipInfo(file.name, EARLIEST)
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, file.read_bytes())
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, made.getvalue())


def shipped_names() -> list[str]:
    """Return the names of the policies that are shipped."""
    return [f"{PREFIX}{path.stem}" for path in sorted(FOLDER.glob("*.zip"))]


def shipped(name: str) -> Policy:
    """Return a shipped policy. name: atlas:ENVIRONMENT. Raises UsageError if there is none of this name."""
    path = FOLDER / f"{name.removeprefix(PREFIX)}.zip"
    if name not in shipped_names():
        raise UsageError([Problem("name", "is no policy of the atlas", name, closest(name, shipped_names()))])
    with temporary_folder() as scratch, zipfile.ZipFile(path) as archive:
        archive.extractall(scratch)
        return Policy.load(Path(scratch))
