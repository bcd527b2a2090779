"""How many episodes a variant takes to reach a threshold, when some runs never reach it.

Such a run is censored: all that is known is that it would have taken longer. Dropping it would make
the variant that fails most look fastest, so all runs count, by the Kaplan-Meier estimate of the share of
runs that are not there yet: Kaplan and Meier (1958), "Nonparametric Estimation from Incomplete Observations".
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats  # type: ignore[import-untyped]

from qsweep.report.statistics.summaries import Floats


def first_reached(
    episodes: npt.NDArray[np.integer[Any]], values: Floats, threshold: float
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """When each run's curve first came to the threshold: episodes taken [runs], and whether it did [runs].

    episodes [points]: numbers from 0, so that episode 99 is the hundredth taken. values [runs, points]:
    NaN where a run has no value, as after it was killed. A run that never came to the threshold is given
    with the last episode at which it was seen; one without any value with 0.
    """
    there = values >= threshold
    reached = np.asarray(there.any(axis=-1))
    taken = np.append(episodes + 1.0, 0.0)
    seen = ~np.isnan(values)
    last = np.where(seen.any(axis=-1), len(episodes) - 1 - seen[:, ::-1].argmax(axis=-1), -1)
    return taken[np.where(reached, there.argmax(axis=-1), last)], reached


def median_episodes(times: Floats, reached: npt.NDArray[np.bool_]) -> float:
    """Return by which episode half of at least one run are expected at the threshold; inf: by none.

    times and reached: from `first_reached`. By the Kaplan-Meier estimate.
    """
    curve = stats.ecdf(stats.CensoredData.right_censored(times, ~reached)).sf
    down = np.flatnonzero(curve.probabilities <= 0.5)
    return float(curve.quantiles[down[0]]) if len(down) else np.inf
