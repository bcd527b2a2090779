"""The best checkpoint by name: register a run's winner, promote it where it beats the last best."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from filelock import FileLock

from qsweep import arrow, checkpoints
from qsweep.durable import user_cache
from qsweep.evaluation import TEST_FILE
from qsweep.policy import Policy
from qsweep.problems import Problem, UsageError
from qsweep.registry.rivals import settle
from qsweep.registry.versions import ClientVersions, Version, Versions, versions_in
from qsweep.tracking.run_rows import StoredRun
from qsweep.tracking.store import Store

BEST = "best"
STARTS = "qsweep.test_episodes"
STANDARD = "qsweep.standard"
"""The tag of runs in an environment as it is registered."""
MEAN = "qsweep.test_return_mean"
ENVIRONMENT = "qsweep.environment"
"""The tag that says which environment a return was earned in."""


@dataclass(frozen=True)
class Promotion:
    """What became of a candidate. version: of the model `name`; better: whether it is `best` now.

    difference: mean over the common test starts of the candidate's return minus the last best's, or
    None where there was none that it can be compared with.
    """

    name: str
    version: str
    better: bool
    difference: float | None

    def __str__(self) -> str:
        best, version = f"{self.name}@{BEST}", f"{self.name}/{self.version}"
        if self.better:
            return f"{version} is now {best}"
        if self.difference is None:
            return f"{version}; {best} stays, which is for other arguments or another step limit"
        if self.difference > 0:
            return f"{version}; {best} stays, which was measured on more starts"
        lead = f"better by {-self.difference:.3g}" if self.difference else "equal"
        return f"{version}; {best} stays, {lead} on the same starts"


def model_name(env_id: str) -> str:
    """The registered model of an environment: its id, without what MLflow keeps for itself."""
    return env_id.replace("/", "_").replace(":", "_")


def register(store: Store, run_id: str) -> Promotion:
    """Make a run's chosen checkpoint a version, and `best` where it beats the last best.

    The comparison is paired, on the test starts that both were measured on, and made under a lock, so
    that of several sweeps that end together the better one stays; on a server, where they may end on
    several machines, it is made again afterwards. Raises KeyError for a run that has no judged
    checkpoint, UsageError where the model belongs to someone else.
    """
    versions = versions_in(store, run_id)
    with TemporaryDirectory(prefix="qsweep-") as temporary:
        folder = Path(temporary)
        run = versions.run(run_id)
        policy = _chosen_policy(versions, run, folder)
        name = model_name(policy.env_id)
        returns = _test_returns(versions, run, folder)
        with _lock(store, name), _permitted(name):
            version = versions.version_of(run, name) or versions.add(run, name, policy, _tags(run))
            incumbent = versions.tags_of(name, BEST)
            difference = None if incumbent is None else _difference(versions, incumbent, run, returns, folder)
            better = incumbent is None or _displaces(incumbent, run, difference)
            if better:
                versions.set_alias(name, BEST, version)
                if isinstance(versions, ClientVersions):  # of a server, perhaps, which other machines use
                    beats = partial(_beats, versions, folder)
                    holder = settle(versions, name, BEST, version, beats)
                    if holder.number != version:
                        better = False
                        difference = _difference(versions, holder.tags, run, returns, folder)
    return Promotion(name, version, better, difference)


@contextmanager
def _permitted(name: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if getattr(error, "error_code", None) != "PERMISSION_DENIED":  # MLflow's; not imported for this
            raise
        rule = "registers a model that this user may not change"
        remedy = "ask who owns it for EDIT, or switch it off: registry.promote=never"
        raise UsageError([Problem("registry.promote", rule, name, remedy)]) from None


def _chosen_policy(versions: Versions, run: StoredRun, folder: Path) -> Policy:
    """The policy of a run's best checkpoint, from its archive."""
    name = checkpoints.name_of(int(run.metrics["best_episode"]))
    archive = checkpoints.Archive(versions.artifact(run, f"checkpoints/{checkpoints.FILE_NAME}", folder))
    measured = {key: value for key, value in run.metrics.items() if key.startswith("test/")}
    return Policy.from_checkpoint(archive, name, run.run_id, run.name, measured)


def _lock(store: Store, name: str) -> FileLock:
    """One registration at a time: beside a local store; for a server, of this user's processes."""
    if store.artifacts is not None:
        return FileLock(store.artifacts.parent / f".{name}.lock")
    key = hashlib.sha256(f"{store.uri} {name}".encode()).hexdigest()[:16]
    return FileLock(user_cache() / f"registry-{key}.lock")


def _tags(run: StoredRun) -> dict[str, str]:
    """What a version says of its run."""
    return {
        ENVIRONMENT: run.tags[ENVIRONMENT],
        STANDARD: run.tags.get(STANDARD, "false"),
        STARTS: run.params["evaluation.test_episodes"],
        "qsweep.run_id": run.run_id,
        "qsweep.checkpoint": checkpoints.name_of(int(run.metrics["best_episode"])),
        MEAN: f"{run.metrics['test/return_mean']:.6g}",
    }


def _test_returns(versions: Versions, run: StoredRun, folder: Path) -> npt.NDArray[np.float64]:
    """The returns of a run's chosen checkpoint on the test starts, in the order of their seeds."""
    path = versions.artifact(run, f"evaluation/{TEST_FILE}", folder)
    returns: npt.NDArray[np.float64] = arrow.numbers(pq.ParquetFile(path).read(columns=["return"]).column(0))
    return returns


def _displaces(incumbent: Mapping[str, str], run: StoredRun, difference: float | None) -> bool:
    """Whether a run's checkpoint becomes `best`: by a better return, measured on no fewer starts.

    In different environments returns say nothing; then the environment as it is registered, with no
    arguments and its own step limit, has the name before any other.
    """
    if difference is None:
        return run.tags.get(STANDARD) == "true" and incumbent.get(STANDARD) != "true"
    starts = int(run.params["evaluation.test_episodes"])
    return difference > 0 and starts >= int(incumbent.get(STARTS, 0))


def _beats(versions: Versions, folder: Path, rival: Version, holder: Version) -> bool:
    """Whether one version displaces another; what cannot, by their tags, is not looked at further."""
    ours, theirs = rival.tags, holder.tags
    if ours.get(ENVIRONMENT) != theirs.get(ENVIRONMENT):
        may = ours.get(STANDARD) == "true" and theirs.get(STANDARD) != "true"
    else:
        may = float(ours.get(MEAN, "nan")) > float(theirs.get(MEAN, "nan"))
    if not may:
        return False
    try:
        run = versions.run(ours["qsweep.run_id"])
        returns = _test_returns(versions, run, folder)
    except OSError:  # it was deleted
        return False
    return _displaces(theirs, run, _difference(versions, theirs, run, returns, folder))


def _difference(
    versions: Versions,
    incumbent: Mapping[str, str],
    run: StoredRun,
    candidate: npt.NDArray[np.float64],
    folder: Path,
) -> float | None:
    """The candidate's mean return minus the incumbent's, over the test starts that both have.

    None where their returns were earned in different environments, or the incumbent is none of ours.
    """
    if incumbent.get(ENVIRONMENT) != run.tags[ENVIRONMENT]:
        return None
    try:
        returns = _test_returns(versions, versions.run(incumbent["qsweep.run_id"]), folder)
    except OSError:  # its run was deleted; its mean is all that is left
        return float(candidate.mean() - float(incumbent[MEAN]))
    common = min(len(candidate), len(returns))
    return float((candidate[:common] - returns[:common]).mean())
