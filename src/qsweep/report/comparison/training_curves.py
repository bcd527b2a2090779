"""The training curves of a study's runs, as `findings` needs them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from qsweep.environments.facts import facts
from qsweep.report.comparison.findings import TrainingCurves, findings
from qsweep.report.comparison.studies import Study
from qsweep.report.loading.archives import first_and_last, visits_of
from qsweep.report.loading.curves import Histories
from qsweep.system.arrays import Floats
from qsweep.tracking.store import Store

VARIANTS = 20
"""Number of leading variants whose training is examined."""
TABLES = 40
"""Maximum number of runs whose Q-tables are read, over all variants."""


def findings_by_variant(study: Study, found: Histories, store: Store) -> dict[str, tuple[str, ...]]:
    """Return label -> sentences on the variant's training; variants without findings are left out."""
    labels = study.labels[:VARIANTS]
    tables = TABLES // max(len(labels), 1)
    found_in = {label: findings(_curves(study, label, found, store, tables)) for label in labels}
    return {label: sentences for label, sentences in found_in.items() if sentences}


def _curves(study: Study, label: str, found: Histories, store: Store, tables: int) -> list[TrainingCurves]:
    curves = []
    for number, run in enumerate(study.of(label).to_dict("records")):
        average = found.get(("train/return_avg", run["run_id"]))
        if average is None:
            continue
        episodes, returns = average
        read = first_and_last(store, run["run_id"], run["artifacts"]) if number < tables else None
        curves.append(
            TrainingCurves(
                episodes=episodes.astype(np.int64),
                returns=returns,
                epsilon=_like(found, "train/epsilon", run["run_id"], episodes),
                successes=_successes(study.env_id, run, found, episodes),
                first_table=read[0] if read else None,
                last_table=read[1] if read else None,
                reachable=read[2] if read else None,
                visits=visits_of(store, run["run_id"], run["artifacts"], read[1].shape[:-1])
                if read
                else None,
            )
        )
    return curves


def _like(found: Histories, metric: str, run_id: str, episodes: Floats) -> Floats:
    """Return another curve of a run at the same episodes; all NaN if it was not recorded at them."""
    curve = found.get((metric, run_id))
    if curve is None or not np.array_equal(curve[0], episodes):
        return np.full(len(episodes), np.nan)
    return curve[1]


def _successes(
    env_id: str, run: dict[Any, Any], found: Histories, episodes: Floats
) -> npt.NDArray[np.bool_] | None:
    """Return for each point whether the goal was reached in its trailing window; None if unknown.

    Unknown if returns do not show success, or if the windows leave gaps between points.
    """
    best = _like(found, "train/return_max", run["run_id"], episodes)
    window, limit = run.get("window", 0), run.get("env.max_steps", np.nan)
    gap = float(np.diff(episodes, prepend=-1).max())
    if np.isnan(best).any() or not gap <= window or not isinstance(limit, int):
        return None
    known = facts(env_id)
    if known.each_step_costs_one and run.get("standard") == "true":
        return np.asarray(best > -limit)
    match known.success:
        case "truncated":
            return np.asarray(best >= limit)
        case "rewarded":
            return np.asarray(best > 0)
    return None
