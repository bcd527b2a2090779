"""Which of two checkpoints has the name `best`; and who has it in the end, where several machines move it.

No lock covers two machines, as of a server's users, so who moves the name looks again afterwards. Every
candidate is a version before it is compared, and every move of the name is followed by a look at all
versions that have come lately: whoever moves it last has seen all that were there, and the best stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from qsweep.policies.evaluation import TEST_FILE
from qsweep.policies.registry.client_versions import ClientVersions
from qsweep.policies.registry.versions import Version
from qsweep.system.untrusted_files import read_columns
from qsweep.tracking.run_files import file_of
from qsweep.tracking.run_search import run_of
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import StoredRun

STARTS = "qsweep.test_episodes"
STANDARD = "qsweep.standard"
"""The tag of runs in an environment as it is registered."""
MEAN = "qsweep.test_return_mean"
ENVIRONMENT = "qsweep.environment"
"""The tag that says which environment a return was earned in."""
LATELY_SECONDS = 600.0
"""More than any machine takes from making its version to moving the name."""
Beats = Callable[[Version, Version], bool]
"""Whether a version displaces another."""


def settle(versions: ClientVersions, name: str, alias: str, ours: str, beats: Beats) -> Version:
    """Move an alias that was given to our version on to any that beats its holder, until there is none.

    Returns the version that holds it. What came long before ours is left alone, whatever it is worth.
    """
    while True:
        holder = versions.holder(name, alias)
        assert holder is not None
        lately = versions.since(name, ours, LATELY_SECONDS)
        better = next((version for version in lately if beats(version, holder)), None)
        if better is None:
            return holder
        versions.set_alias(name, alias, better.number)


def displaces(incumbent: Mapping[str, str], run: StoredRun, difference: float | None) -> bool:
    """Whether a run's checkpoint becomes `best`: by a better return, measured on no fewer starts.

    In different environments returns say nothing; then the environment as it is registered, with no
    arguments and its own step limit, has the name before any other.
    """
    if difference is None:
        return run.tags.get(STANDARD) == "true" and incumbent.get(STANDARD) != "true"
    starts = int(run.params["evaluation.test_episodes"])
    return difference > 0 and starts >= int(incumbent.get(STARTS, 0))


def beats(store: Store, folder: Path, rival: Version, holder: Version) -> bool:
    """Whether one version displaces another; what cannot, by their tags, is not looked at further."""
    ours, theirs = rival.tags, holder.tags
    if ours.get(ENVIRONMENT) != theirs.get(ENVIRONMENT):
        may = ours.get(STANDARD) == "true" and theirs.get(STANDARD) != "true"
    else:
        may = float(ours.get(MEAN, "nan")) > float(theirs.get(MEAN, "nan"))
    if not may:
        return False
    try:
        run = run_of(store, ours["qsweep.run_id"])
        returns = test_returns(store, run, folder)
    except (OSError, ValueError):  # it was deleted, or is damaged
        return False
    return displaces(theirs, run, lead(store, theirs, run, returns, folder))


def lead(
    store: Store,
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
        returns = test_returns(store, run_of(store, incumbent["qsweep.run_id"]), folder)
    except (OSError, ValueError):  # its run was deleted, or is damaged; its mean is all that is left
        return float(candidate.mean() - float(incumbent[MEAN]))
    common = min(len(candidate), len(returns))
    return float((candidate[:common] - returns[:common]).mean())


def test_returns(store: Store, run: StoredRun, folder: Path) -> npt.NDArray[np.float64]:
    """The returns of a run's chosen checkpoint on the test starts, in the order of their seeds."""
    path = file_of(store, run.run_id, run.artifacts, f"evaluation/{TEST_FILE}", folder)
    returns: npt.NDArray[np.float64] = read_columns(path, ["return"])["return"]
    return returns
