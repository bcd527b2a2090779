"""The best checkpoint by name: register a run's winner, promote it where it beats the last best."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from filelock import FileLock
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException

from qsweep import checkpoints
from qsweep.durable import user_cache
from qsweep.policy import Policy
from qsweep.problems import Problem, UsageError
from qsweep.registry.model import write_model
from qsweep.registry.rivals import (
    ENVIRONMENT,
    MEAN,
    STANDARD,
    STARTS,
    displaces,
    lead,
    settle,
    test_returns,
)
from qsweep.tracking.store import Store

BEST = "best"


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
        returns = test_returns(store, run_id, folder)
        with _lock(store, name), _permitted(name):
            version = _version(store, run, policy, name, folder / "model")
            incumbent = _incumbent(store, name)
            difference = incumbent and lead(store, incumbent, run, returns, folder)
            better = incumbent is None or displaces(incumbent, run, difference)
            if better:
                store.client.set_registered_model_alias(name, BEST, version)
                if store.artifacts is None:  # the lock is this machine's, and there may be others
                    since = int(incumbent.version) if incumbent else 0
                    holder = settle(store, name, BEST, since, folder)
                    if str(holder.version) != version:
                        better, difference = False, lead(store, holder, run, returns, folder)
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


def _incumbent(store: Store, name: str) -> Any:
    """The version that is `best` now, or None."""
    try:
        return store.client.get_model_version_by_alias(name, BEST)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise  # a store that fails has not said that there is none
        return None
