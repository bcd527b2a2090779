"""The number of episodes that a variant takes to reach a threshold, if some runs never reach it.

A run that does not reach it is censored: it would have taken longer. Dropping it would make the variant that
fails most often look fastest. All runs count in the Kaplan-Meier estimate of the share of runs that have not
reached the threshold: Kaplan and Meier (1958), "Nonparametric Estimation from Incomplete Observations".
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats  # type: ignore[import-untyped]

from qsweep.system.arrays import Floats


def first_reached(
    episodes: npt.NDArray[np.integer[Any]], values: Floats, threshold: float
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the number of episodes after which each run reached the threshold, and whether it did: [runs].

    episodes [points]: counted from 0, so that episode 99 is the hundredth. values [runs, points]: finite. A
    run that never reached the threshold has the number of the last episode.
    """
    above = values >= threshold
    reached = np.asarray(above.any(axis=-1))
    last = episodes[np.where(reached, above.argmax(axis=-1), -1)]
    return last.astype(np.float64) + 1, reached


ROUNDING = 1e-9
"""The product of survivals (scipy 1.17.1, ecdf) is 0.5000000000000001 where 12 of 24 runs remain."""


def shares_reached(times: Floats, reached: npt.NDArray[np.bool_], at: Floats) -> Floats:
    """Return the Kaplan-Meier shares of runs that have reached the threshold by each time in `at`: [n].

    times, reached: of at least one run, from `first_reached`.
    """
    curve = stats.ecdf(stats.CensoredData.right_censored(times, ~reached)).cdf
    return np.asarray(curve.evaluate(at), np.float64)


def median_episodes(times: Floats, reached: npt.NDArray[np.bool_]) -> float:
    """Return the Kaplan-Meier median: the episodes after which half of the runs have reached the threshold.

    times, reached: of at least one run, from `first_reached`. inf if the median is not reached.
    """
    curve = stats.ecdf(stats.CensoredData.right_censored(times, ~reached)).sf
    below = np.flatnonzero(curve.probabilities <= 0.5 + ROUNDING)
    return float(curve.quantiles[below[0]]) if len(below) else np.inf
