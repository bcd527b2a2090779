"""Fetch the policy that a name stands for from the store."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from qsweep.errors import Problem, UsageError
from qsweep.policies.policy import RECORD, Policy, readable
from qsweep.policies.registry.model import download_policy
from qsweep.policies.registry.names import Target, checkpoint_in, is_path, parts_of, resolve
from qsweep.policies.registry.shipped import PREFIX, shipped
from qsweep.policies.registry.versions import place_of_version, version_of
from qsweep.system.atomic_files import temporary_folder
from qsweep.system.file_names import fitting
from qsweep.system.start_folder import start_folder
from qsweep.tracking import checkpoints
from qsweep.tracking.run_files import file_of
from qsweep.tracking.run_search import run_of
from qsweep.tracking.store import Store, open_store


def folder_name(name: str) -> str:
    """Return a name as the name of a folder: RUN/ep017500 -> RUN_ep017500.

    Raises UsageError for an invalid name.
    """
    return fitting(re.sub(r"^\.|[^\w.,=@+-]", "_", "_".join(parts_of(name))))


def named(name: str, uri: str = "local") -> tuple[Policy, str]:
    """Return the policy that a name stands for, and its origin in words.

    The store takes precedence over a folder of the same name, unless the name is written as a path: with
    a leading . / or ~, or a trailing /. Raises UsageError if there is neither.
    """
    if name.startswith(PREFIX):
        return shipped(name), name
    folder = start_folder() / Path(name).expanduser()
    try:
        if not is_path(name):
            store = open_store(uri, create=False)
            with temporary_folder() as scratch:
                policy = fetch(store, resolve(store, name), Path(scratch))
            return policy, policy.came_from
    except UsageError:
        if not (folder / RECORD).is_file():
            raise
    if not folder.is_dir():
        raise UsageError([Problem("name", "is no folder that `qsweep pull` wrote", name)])
    policy = Policy.load(folder)
    return policy, f"{policy.came_from}, from the folder {Path(name).expanduser()}"


def fetch_named(store: Store | None, name: str, scratch: Path) -> Policy:
    """Return the policy that a name stands for in a store, or the shipped one, which needs no store."""
    if name.startswith(PREFIX):
        return shipped(name)
    assert store is not None
    return fetch(store, resolve(store, name), scratch)


def fetch(store: Store, target: Target, scratch: Path) -> Policy:
    """Return a target's policy, downloading only the files that it needs into `scratch`.

    Raises UsageError if a file is not available or damaged.
    """
    if target.version:
        return _of_version(store, target, scratch)
    path = f"checkpoints/{checkpoints.FILE_NAME}"
    with readable(f"run {target.run_id}: {path}"):
        artifacts = run_of(store, target.run_id).artifacts
        archive = checkpoints.Archive(file_of(store, target.run_id, artifacts, path, scratch))
        checkpoint = checkpoint_in(archive, target)
    return Policy.from_checkpoint(archive, checkpoint, target.run_id, target.run_name, target.metrics)


def _of_version(store: Store, target: Target, scratch: Path) -> Policy:
    """Return the policy in a registered model; the model's code is neither downloaded nor run."""
    with readable(f"{target.model}/{target.version}"):
        found = version_of(store, target.model, target.version)
        download_policy(store, place_of_version(store, found), scratch)
    policy = Policy.load(scratch)
    origin = {**policy.origin, "model": target.model, "version": target.version}
    return dataclasses.replace(policy, origin=origin)
