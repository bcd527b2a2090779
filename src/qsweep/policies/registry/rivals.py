"""Decide which of two checkpoints becomes `best`, also if several machines move the alias concurrently.

No lock covers the machines of a server's users. So every candidate is registered as a version before it is
compared, and whoever moves the alias then compares all recent versions again: the last one to move it sees
all of them, so the best one keeps it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from qsweep.errors import UsageError
from qsweep.policies.evaluation.evaluator import TEST_FILE
from qsweep.policies.evaluation.exact import exact_evaluation
from qsweep.policies.registry.client_versions import ClientVersions
from qsweep.policies.registry.versions import Version, is_ours
from qsweep.policies.setting import setting_of_archive
from qsweep.system.arrays import is_finite
from qsweep.system.untrusted_files import disk_failed, read_columns
from qsweep.tracking import checkpoints
from qsweep.tracking.run_files import file_of
from qsweep.tracking.run_search import run_of
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import EXACT, StoredRun

STARTS = "qsweep.test_episodes"
STANDARD = "qsweep.standard"
"""The tag of runs in an unmodified registered environment."""
MEAN, EXPECTED = "qsweep.test_return_mean", "qsweep.test_return_exact"
"""The tags with the sampled and the exact return of a version."""
ENVIRONMENT = "qsweep.environment"
"""The tag with the environment of a run; returns are comparable only if it is equal."""
RECENT_SECONDS = 600.0
"""Upper bound on the time from registering a version to moving the alias."""
Beats = Callable[[Version, Version], bool]
"""(rival, holder) -> whether the rival displaces the holder."""


def move_to_best(versions: ClientVersions, name: str, alias: str, ours: str, beats: Beats) -> Version:
    """Move an alias from our version to any recent one that beats its holder, until none does.

    Returns the version that holds it. Versions that are much older than ours are not considered.
    """
    while True:
        holder = versions.holder(name, alias)
        assert holder is not None
        recent = versions.since(name, ours, RECENT_SECONDS)
        better = next((version for version in recent if beats(version, holder)), None)
        if better is None:
            return holder
        versions.set_alias(name, alias, better.number)


@dataclass(frozen=True)
class Lead:
    """How much a run's checkpoint is better than the incumbent. exact: in expected return, not on starts."""

    difference: float
    exact: bool


def displaces(incumbent: Mapping[str, str], run: StoredRun, found: Lead | None) -> bool:
    """Return whether a run's checkpoint becomes `best`: a better return, exact or on as many starts.

    Returns of different environments are not comparable (found is None). Then the environment as
    registered, without arguments and with its own step limit, takes precedence. An incumbent of an earlier
    version may have returns that are not finite (its lead is NaN): any finite one displaces it.
    """
    if not is_ours(incumbent) or not is_finite(run.score):
        return False  # nobody knows the score of a version that is not ours
    if found is not None and math.isnan(found.difference):
        return True
    if found is None:
        return run.tags.get(STANDARD) == "true" and incumbent.get(STANDARD) != "true"
    starts = int(run.params["evaluation.test_episodes"])
    return found.difference > 0 and (found.exact or starts >= _number(incumbent, STARTS, 0.0))


def beats(store: Store, folder: Path, rival: Version, holder: Version) -> bool:
    """Return whether one version displaces another; files are read only if the tags do not rule it out."""
    ours, theirs = rival.tags, holder.tags
    if ours.get(ENVIRONMENT) != theirs.get(ENVIRONMENT):
        may = ours.get(STANDARD) == "true" and theirs.get(STANDARD) != "true"
    else:
        kind = EXPECTED if EXPECTED in ours and EXPECTED in theirs else MEAN
        unknown = kind == MEAN and (EXPECTED in ours or EXPECTED in theirs)  # one is computed from its table
        may = unknown or _may_lead(_number(ours, kind), _number(theirs, kind))
    if not may:
        return False
    try:
        run = run_of(store, ours["qsweep.run_id"])
        found = lead(store, theirs, run, folder)
    except (OSError, ValueError, KeyError, UsageError) as error:  # deleted, damaged, or not in this store
        if disk_failed(error):
            raise
        return False
    return displaces(theirs, run, found)


def _may_lead(ours: float, theirs: float) -> bool:
    """Return whether a return may be the better one; one that is not finite never is."""
    return bool(is_finite(ours)) and not (bool(is_finite(theirs)) and ours <= theirs)


def lead(store: Store, incumbent: Mapping[str, str], run: StoredRun, folder: Path) -> Lead | None:
    """Return the lead of a run's chosen checkpoint: in exact return, or in mean return on test starts.

    None if their environments differ, or the incumbent was not registered by qsweep; NaN if a return is not
    finite. Runs recorded before exact returns were computed have theirs computed here, from their tables.
    """
    candidate = test_returns(store, run, folder)  # also where nothing is compared: a version has them
    if incumbent.get(ENVIRONMENT) != run.tags[ENVIRONMENT]:
        return None
    ours = exact_score(store, run, folder)
    try:
        rival = run_of(store, incumbent["qsweep.run_id"])
        theirs = None if ours is None else exact_score(store, rival, folder)
        if ours is not None and theirs is not None:
            return _lead(ours - theirs, exact=True)
        returns = test_returns(store, rival, folder)
    except (OSError, ValueError, KeyError, UsageError) as error:  # its run cannot be read; its tags can
        if disk_failed(error):
            raise
        if ours is not None and EXPECTED in incumbent:
            return _lead(ours - _number(incumbent, EXPECTED), exact=True)
        return _lead(float(candidate.returns.mean() - _number(incumbent, MEAN)), exact=False)
    return _lead(candidate.lead_over(returns), exact=False)


def exact_score(store: Store, run: StoredRun, folder: Path) -> float | None:
    """Return the exact expected return of a run's chosen checkpoint, None if it is unknown."""
    if EXACT in run.metrics:
        return run.metrics[EXACT]
    path = f"checkpoints/{checkpoints.FILE_NAME}"
    try:
        archive = checkpoints.Archive(file_of(store, run.run_id, run.artifacts, path, folder))
        setting = setting_of_archive(archive)
        evaluation = exact_evaluation(setting)
        name = checkpoints.name_of(int(run.metrics["best_episode"]))
        return evaluation.of(archive.q_table(name)) if evaluation else None
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        UsageError,
    ) as error:  # the archive is missing or damaged
        if disk_failed(error):
            raise
        return None


def _lead(difference: float, exact: bool) -> Lead:
    return Lead(difference if is_finite(difference) else math.nan, exact)


def _number(tags: Mapping[str, str], key: str, otherwise: float = math.nan) -> float:
    """Return the number in a tag, which anybody can write."""
    with suppress(ValueError):
        return float(tags.get(key, otherwise))
    return otherwise


@dataclass(frozen=True)
class Sampled:
    """The returns of a run's chosen checkpoint, float64[n], from the starts of some seeds, int64[n]."""

    seeds: npt.NDArray[np.int64]
    returns: npt.NDArray[np.float64]

    def lead_over(self, others: Sampled) -> float:
        """Return the mean of the differences on the fewer starts if the others contain them, else of all."""
        _, here, there = np.intersect1d(self.seeds, others.seeds, return_indices=True)
        if len(here) < min(len(self.seeds), len(others.seeds)):
            return float(self.returns.mean() - others.returns.mean())
        return float((self.returns[here] - others.returns[there]).mean())


def test_returns(store: Store, run: StoredRun, folder: Path) -> Sampled:
    """Return the returns of a run's chosen checkpoint on test starts."""
    path = file_of(store, run.run_id, run.artifacts, f"evaluation/{TEST_FILE}", folder)
    columns = read_columns(path, ["seed", "return"])
    return Sampled(columns["seed"], columns["return"])
