"""Which of two checkpoints has the name `best`; and who has it in the end, where several machines move it.

No lock covers two machines, so who moves the name looks again afterwards. Every candidate is a version
before it is compared, and every move of the name is followed by a look at all versions that have come
since: whoever moves it last has seen all that were there, and the best stays.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from mlflow.exceptions import MlflowException

from qsweep.evaluation import TEST_FILE
from qsweep.tracking.store import Store, literal

STARTS = "qsweep.test_episodes"
STANDARD = "qsweep.standard"
"""The tag of runs in an environment as it is registered."""
MEAN = "qsweep.test_return_mean"
ENVIRONMENT = "qsweep.environment"
"""The tag that says which environment a return was earned in."""


def settle(store: Store, name: str, alias: str, since: int, folder: Path) -> Any:
    """Move an alias on to any version above `since` that beats its holder, until there is none.

    Returns the version that holds it. folder: for downloads.
    """
    while True:
        holder = store.client.get_model_version_by_alias(name, alias)
        since_then = (found for found in _versions(store, name) if int(found.version) > since)
        better = next((version for version in since_then if beats(store, version, holder, folder)), None)
        if better is None:
            return holder
        store.client.set_registered_model_alias(name, alias, better.version)


def _versions(store: Store, name: str) -> list[Any]:
    found: list[Any] = []
    token = None
    while True:
        page = store.client.search_model_versions(f"name = {literal(name)}", page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def displaces(incumbent: Any, run: Any, difference: float | None) -> bool:
    """Whether a run's checkpoint becomes `best`: by a better return, measured on no fewer starts.

    In different environments returns say nothing; then the environment as it is registered, with no
    arguments and its own step limit, has the name before any other.
    """
    if difference is None:
        standard: bool = run.data.tags.get(STANDARD) == "true"
        return standard and incumbent.tags.get(STANDARD) != "true"
    starts = int(run.data.params["evaluation.test_episodes"])
    return difference > 0 and starts >= int(incumbent.tags.get(STARTS, 0))


def beats(store: Store, rival: Any, holder: Any, folder: Path) -> bool:
    """Whether one version displaces another; what cannot, by their tags, is not looked at further."""
    ours, theirs = rival.tags, holder.tags
    if ours.get(ENVIRONMENT) != theirs.get(ENVIRONMENT):
        may = ours.get(STANDARD) == "true" and theirs.get(STANDARD) != "true"
    else:
        may = float(ours.get(MEAN, "nan")) > float(theirs.get(MEAN, "nan"))
    if not may:
        return False
    try:
        run = store.client.get_run(ours["qsweep.run_id"])
        returns = test_returns(store, run.info.run_id, folder)
    except (MlflowException, OSError):  # it was deleted
        return False
    return displaces(holder, run, lead(store, holder, run, returns, folder))


def lead(
    store: Store, incumbent: Any, run: Any, candidate: npt.NDArray[np.float64], folder: Path
) -> float | None:
    """The candidate's mean return minus the incumbent's, over the test starts that both have.

    None where their returns were earned in different environments, or the incumbent is none of ours.
    """
    if incumbent.tags.get(ENVIRONMENT) != run.data.tags[ENVIRONMENT]:
        return None
    try:
        returns = test_returns(store, incumbent.tags["qsweep.run_id"], folder)
    except (MlflowException, OSError):  # its run was deleted; its mean is all that is left
        return float(candidate.mean() - float(incumbent.tags[MEAN]))
    common = min(len(candidate), len(returns))
    return float((candidate[:common] - returns[:common]).mean())


def test_returns(store: Store, run_id: str, folder: Path) -> npt.NDArray[np.float64]:
    """The returns of a run's chosen checkpoint on the test starts, in the order of their seeds."""
    where = folder / run_id
    where.mkdir(exist_ok=True)
    path = store.client.download_artifacts(run_id, f"evaluation/{TEST_FILE}", str(where))
    returns: npt.NDArray[np.float64] = pq.read_table(path, columns=["return"]).column(0).to_numpy()
    return returns
