"""The best checkpoint by name: register a run's winner, promote it where it beats the last best."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from filelock import FileLock
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException

from qsweep import checkpoints
from qsweep.durable import user_cache
from qsweep.evaluation import TEST_FILE
from qsweep.policy import Policy
from qsweep.problems import Problem, UsageError
from qsweep.registry.model import write_model
from qsweep.registry.rivals import settle
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
    run = store.client.get_run(run_id)
    with TemporaryDirectory(prefix="qsweep-") as temporary:
        folder = Path(temporary)
        policy = chosen_policy(store, run, folder)
        name = model_name(policy.env_id)
        returns = _test_returns(store, run_id, folder)
        with _lock(store, name), _permitted(name):
            version = _version(store, run, policy, name, folder / "model")
            incumbent = _incumbent(store, name)
            difference = incumbent and _difference(store, incumbent, run, returns, folder)
            better = incumbent is None or _displaces(incumbent, run, difference)
            if better:
                store.client.set_registered_model_alias(name, BEST, version)
                if store.artifacts is None:  # the lock is this machine's, and there may be others
                    since = int(incumbent.version) if incumbent else 0
                    holder = settle(store, name, BEST, since, partial(_beats, store, folder))
                    if str(holder.version) != version:
                        better, difference = False, _difference(store, holder, run, returns, folder)
    return Promotion(name, version, better, difference)


@contextmanager
def _permitted(name: str) -> Iterator[None]:
    try:
        yield
    except MlflowException as error:
        if error.error_code != "PERMISSION_DENIED":
            raise
        rule = "registers a model that this user may not change"
        remedy = "ask who owns it for EDIT, or switch it off: registry.promote=never"
        raise UsageError([Problem("registry.promote", rule, name, remedy)]) from None


def chosen_policy(store: Store, run: Any, folder: Path) -> Policy:
    """The policy of a run's best checkpoint, from its archive, which is downloaded to `folder`."""
    name = checkpoints.name_of(int(run.data.metrics["best_episode"]))
    path = f"checkpoints/{checkpoints.FILE_NAME}"
    archive = checkpoints.Archive(Path(store.client.download_artifacts(run.info.run_id, path, str(folder))))
    scores = {key: value for key, value in run.data.metrics.items() if key.startswith("test/")}
    return Policy.from_checkpoint(archive, name, run.info.run_id, run.info.run_name, scores)


def _lock(store: Store, name: str) -> FileLock:
    """One registration at a time: beside a local store; for a server, of this user's processes."""
    if store.artifacts is not None:
        return FileLock(store.artifacts.parent / f".{name}.lock")
    key = hashlib.sha256(f"{store.uri} {name}".encode()).hexdigest()[:16]
    return FileLock(user_cache() / f"registry-{key}.lock")


def _version(store: Store, run: Any, policy: Policy, name: str, folder: Path) -> str:
    """Log the policy as a model of its run, with its metrics, and make it the next version."""
    client = store.client
    write_model(policy, folder)
    logged = client.create_logged_model(run.info.experiment_id, name="policy", source_run_id=run.info.run_id)
    client.log_model_artifacts(logged.model_id, str(folder))
    client.finalize_logged_model(logged.model_id, "READY")
    now = time.time_ns() // 1_000_000
    scores = {key: value for key, value in run.data.metrics.items() if key.startswith(("test/", "final/"))}
    linked = [Metric(key, value, now, 0, model_id=logged.model_id) for key, value in scores.items()]
    client.log_batch(run.info.run_id, metrics=linked)
    try:
        client.create_registered_model(name, description=f"Greedy policies for {policy.env_id}")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    tags = {
        ENVIRONMENT: run.data.tags[ENVIRONMENT],
        STANDARD: run.data.tags.get(STANDARD, "false"),
        STARTS: run.data.params["evaluation.test_episodes"],
        "qsweep.run_id": run.info.run_id,
        "qsweep.checkpoint": checkpoints.name_of(int(run.data.metrics["best_episode"])),
        MEAN: f"{run.data.metrics['test/return_mean']:.6g}",
    }
    version = client.create_model_version(
        name,
        logged.artifact_location,
        run.info.run_id,
        tags,
        await_creation_for=0,  # it is there when the call returns
        model_id=logged.model_id,
    )
    return str(version.version)


def _test_returns(store: Store, run_id: str, folder: Path) -> npt.NDArray[np.float64]:
    """The returns of a run's chosen checkpoint on the test starts, in the order of their seeds."""
    where = folder / run_id
    where.mkdir(exist_ok=True)
    path = store.client.download_artifacts(run_id, f"evaluation/{TEST_FILE}", str(where))
    returns: npt.NDArray[np.float64] = pq.read_table(path, columns=["return"]).column(0).to_numpy()
    return returns


def _incumbent(store: Store, name: str) -> Any:
    """The version that is `best` now, or None."""
    try:
        return store.client.get_model_version_by_alias(name, BEST)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise  # a store that fails has not said that there is none
        return None


def _displaces(incumbent: Any, run: Any, difference: float | None) -> bool:
    """Whether a run's checkpoint becomes `best`: by a better return, measured on no fewer starts.

    In different environments returns say nothing; then the environment as it is registered, with no
    arguments and its own step limit, has the name before any other.
    """
    if difference is None:
        standard: bool = run.data.tags.get(STANDARD) == "true"
        return standard and incumbent.tags.get(STANDARD) != "true"
    starts = int(run.data.params["evaluation.test_episodes"])
    return difference > 0 and starts >= int(incumbent.tags.get(STARTS, 0))


def _beats(store: Store, folder: Path, rival: Any, holder: Any) -> bool:
    """Whether one version displaces another; what cannot, by their tags, is not looked at further."""
    ours, theirs = rival.tags, holder.tags
    if ours.get(ENVIRONMENT) != theirs.get(ENVIRONMENT):
        may = ours.get(STANDARD) == "true" != theirs.get(STANDARD)
    else:
        may = float(ours.get(MEAN, "nan")) > float(theirs.get(MEAN, "nan"))
    if not may:
        return False
    try:
        run = store.client.get_run(ours["qsweep.run_id"])
        returns = _test_returns(store, run.info.run_id, folder)
    except (MlflowException, OSError):  # it was deleted
        return False
    return _displaces(holder, run, _difference(store, holder, run, returns, folder))


def _difference(
    store: Store, incumbent: Any, run: Any, candidate: npt.NDArray[np.float64], folder: Path
) -> float | None:
    """The candidate's mean return minus the incumbent's, over the test starts that both have.

    None where their returns were earned in different environments, or the incumbent is none of ours.
    """
    if incumbent.tags.get(ENVIRONMENT) != run.data.tags[ENVIRONMENT]:
        return None
    try:
        returns = _test_returns(store, incumbent.tags["qsweep.run_id"], folder)
    except (MlflowException, OSError):  # its run was deleted; its mean is all that is left
        return float(candidate.mean() - float(incumbent.tags[MEAN]))
    common = min(len(candidate), len(returns))
    return float((candidate[:common] - returns[:common]).mean())
