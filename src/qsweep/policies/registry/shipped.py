"""Policies that qsweep ships: the best of each environment of the atlas, as atlas:taxi or atlas:Taxi-v4."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from qsweep.errors import Problem, UsageError, closest
from qsweep.policies.policy import RECORD, Policy
from qsweep.system.atomic_files import temporary_folder, write_bytes

PREFIX = "atlas:"
FOLDER = Path(__file__).with_name("atlas")
EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The time of the files in an archive, so that equal policies make equal archives."""
ALTERING = ("kwargs", "discretised", "wrapper")
"""Entries of a record that make another environment of an id."""


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
    """Return a shipped policy.

    name: atlas:ENVIRONMENT, or atlas:ID for the one of the environment as it is registered. Raises UsageError
    if there is none of this name, or none of the id as it is registered.
    """
    found = name if name in shipped_names() else _of_id(name)
    with temporary_folder() as scratch, zipfile.ZipFile(_path(found)) as archive:
        archive.extractall(scratch)
        return Policy.load(Path(scratch))


def _path(name: str) -> Path:
    return FOLDER / f"{name.removeprefix(PREFIX)}.zip"


def _of_id(name: str) -> str:
    """Return the name of the policy that atlas:ID stands for."""
    records = {known: _record(known) for known in shipped_names()}
    ids = {known: f"{PREFIX}{record['env']}" for known, record in records.items()}
    own = [known for known in records if ids[known] == name]
    plain = [known for known in own if not any(records[known][key] for key in ALTERING)]
    if len(plain) == 1:
        return plain[0]
    if own:
        rule = "must be one policy's name where the atlas has none of the id alone"
        raise UsageError([Problem("name", rule, name, f"one of: {', '.join(own)}")])
    meant = closest(name, [*records, *ids.values()])
    raise UsageError([Problem("name", "is no policy of the atlas", name, meant)])


def _record(name: str) -> Mapping[str, Any]:
    with zipfile.ZipFile(_path(name)) as archive:
        record: Mapping[str, Any] = json.loads(archive.read(RECORD))
        return record
