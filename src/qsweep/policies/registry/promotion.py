"""Register a run's best checkpoint, and promote it to `best` if it beats the current one."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from filelock import FileLock

from qsweep.errors import Problem, UsageError
from qsweep.policies.policy import Policy, readable
from qsweep.policies.registry.local_versions import LocalVersions, versions_in
from qsweep.policies.registry.rivals import (
    ENVIRONMENT,
    EXPECTED,
    MEAN,
    STANDARD,
    STARTS,
    Lead,
    beats,
    displaces,
    lead,
    move_to_best,
)
from qsweep.policies.registry.versions import RUN_ID, every_version, is_ours, model_name, version_of
from qsweep.system.arrays import is_finite
from qsweep.system.atomic_files import temporary_folder, user_cache
from qsweep.system.file_names import fitting
from qsweep.tracking import checkpoints
from qsweep.tracking.run_files import file_of
from qsweep.tracking.run_search import run_of
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import EXACT, SAMPLED, StoredRun

BEST = "best"
COMPARED = "qsweep.judged"
"""The tag of versions that were compared with `best`; missing if the registration was killed."""


@dataclass(frozen=True)
class Promotion:
    """The outcome of a registration. version: of the model `name`; better: whether it is `best` now.

    difference: the candidate's return minus that of the previous best; None if there was none that it can
    be compared with, NaN if a return was not finite. exact: expected returns were compared, not means over
    the common test starts. other: whether qsweep did not register the previous best.
    """

    name: str
    version: str
    better: bool
    difference: float | None
    exact: bool = False
    other: bool = False

    @classmethod
    def of(cls, name: str, version: str, better: bool, found: Lead | None) -> Self:
        """Return the outcome of a comparison."""
        if found is None:
            return cls(name, version, better, None)
        return cls(name, version, better, found.difference, found.exact)

    def __str__(self) -> str:
        best, version = f"{self.name}@{BEST}", f"{self.name}/{self.version}"
        if self.better:
            return f"{version} is now {best}"
        if self.difference is not None and math.isnan(self.difference):
            return f"{version}; {best} is kept: its own returns are not finite"
        if self.other:
            return f"{version}; {best} is kept: qsweep did not register it (remove the alias to replace it)"
        if self.difference is None:
            return f"{version}; {best} is kept: it is for other arguments or another step limit"
        if self.difference > 0:
            return f"{version}; {best} is kept: it was measured on more starts"
        comparison = f"is better by {-self.difference:.3g}" if self.difference else "is equal"
        how = "in exact expected return" if self.exact else "on the same starts"
        return f"{version}; {best} is kept: it {comparison} {how}"


def register(store: Store, run_id: str) -> Promotion:
    """Register a run's chosen checkpoint as a version, and make it `best` if it beats the current one.

    The comparison is by exact expected return, or paired, on the test starts that both were evaluated on. A
    lock serialises it, so that the better of two sweeps that end together wins; on a server, which several
    machines may use, it is repeated afterwards. Raises UsageError if the run's record is damaged, or the
    model belongs to another user.
    """
    run = run_of(store, run_id)
    with temporary_folder() as temporary:
        folder = Path(temporary)
        policy = _chosen_policy(store, run, folder)
        with readable(f"run {run.run_id}"):
            tags = _tags(run)
        name = model_name(policy.env_id)
        with _lock(store, name), _permitted(name):
            versions = versions_in(store, run)
            version = versions.version_of(run, name) or versions.add(run, name, policy, tags)
            if store.artifacts is not None:  # on a server their process may be alive
                _finish_others(store, name, version, folder)
            return _compare(store, run, name, version, folder)


def _finish_others(store: Store, name: str, version: str, folder: Path) -> None:
    """Compare the other versions of a model that were not compared: their process was killed before."""
    for other in every_version(store):
        if other.name == name and str(other.version) != version and is_interrupted(other.tags):
            with suppress(OSError, LookupError):  # its run or files are missing, as qsweep doctor says
                inner = folder / f"version {other.version}"
                inner.mkdir()
                _compare(store, run_of(store, other.tags[RUN_ID]), name, str(other.version), inner)


def is_interrupted(tags: Mapping[str, str]) -> bool:
    """Return whether a version of ours was not compared with the best one after it was made."""
    return is_ours(tags) and COMPARED not in tags


def is_registered(store: Store, run: StoredRun, env_id: str) -> bool:
    """Return whether a run's latest version of an environment's model was made, and compared with `best`."""
    name, versions = model_name(env_id), versions_in(store, run)
    number = versions.version_of(run, name)
    return number is not None and COMPARED in version_of(store, name, number).tags


def finish_registration(store: Store, name: str, version: str, run_id: str) -> Promotion:
    """Compare a version with `best` after its registration was interrupted.

    Raises OSError if its run or the run's files are missing, UsageError if the model belongs to another
    user.
    """
    run = run_of(store, run_id)
    with temporary_folder() as temporary, _lock(store, name), _permitted(name):
        return _compare(store, run, name, version, Path(temporary))


def _compare(store: Store, run: StoredRun, name: str, version: str, folder: Path) -> Promotion:
    """Make a version `best` if it beats the current one; the caller holds the lock."""
    versions = versions_in(store, run)
    incumbent = versions.holder(name, BEST)
    if incumbent is not None and incumbent.number == version and COMPARED in incumbent.tags:
        return Promotion(name, version, better=True, difference=None)
    found, better = None, bool(is_finite(run.score))
    if not better:
        found = Lead(math.nan, exact=False)
    if incumbent is not None and incumbent.number != version and not is_ours(incumbent.tags):
        versions.set_tag(name, version, COMPARED, "true")
        return Promotion(name, version, better=False, difference=None, other=True)
    if incumbent is not None and incumbent.number != version:
        found = lead(store, incumbent.tags, run, folder)
        better = displaces(incumbent.tags, run, found)
    if better:
        versions.set_alias(name, BEST, version)
        if not isinstance(versions, LocalVersions):  # perhaps a server, which other machines use too
            holder = move_to_best(versions, name, BEST, version, partial(beats, store, folder))
            if holder.number != version:
                better, found = False, lead(store, holder.tags, run, folder)
    versions.set_tag(name, version, COMPARED, "true")
    return Promotion.of(name, version, better, found)


@contextmanager
def _permitted(name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if (
            getattr(error, "error_code", None) != "PERMISSION_DENIED"
        ):  # MlflowException's; importing it is slow
            raise
        rule = "would change a model that belongs to another user"
        remedy = "ask its owner for EDIT permission, or set registry.promote=never"
        raise UsageError([Problem("registry.promote", rule, name, remedy)]) from None


def _chosen_policy(store: Store, run: StoredRun, folder: Path) -> Policy:
    path = f"checkpoints/{checkpoints.FILE_NAME}"
    with readable(f"run {run.run_id}: metric best_episode"):
        name = checkpoints.name_of(int(run.metrics["best_episode"]))
    with readable(f"run {run.run_id}: {path}"):
        archive = checkpoints.Archive(file_of(store, run.run_id, run.artifacts, path, folder))
    measured = {key: value for key, value in run.metrics.items() if key.startswith("test/")}
    return Policy.from_checkpoint(archive, name, run.run_id, run.name, measured)


def _lock(store: Store, name: str) -> FileLock:
    """Return the lock for registrations: among all users of a local store, or among this user's processes.

    Models of servers share 16 files, of which two at worst wait for one another: none is ever removed.
    """
    if store.artifacts is not None:
        return FileLock(store.artifacts.parent / f".{fitting(name)}.lock")
    key = hashlib.sha256(f"{store.uri} {name}".encode()).hexdigest()[:1]
    return FileLock(user_cache() / f"registry-{key}.lock")


def _tags(run: StoredRun) -> dict[str, str]:
    return {
        ENVIRONMENT: run.tags[ENVIRONMENT],
        STANDARD: run.tags.get(STANDARD, "false"),
        STARTS: run.params["evaluation.test_episodes"],
        "qsweep.run_id": run.run_id,
        "qsweep.checkpoint": checkpoints.name_of(int(run.metrics["best_episode"])),
        MEAN: f"{run.metrics[SAMPLED]:.6g}",
        **({EXPECTED: repr(run.metrics[EXACT])} if EXACT in run.metrics else {}),
    }
