"""How many episodes a variant takes to reach a threshold, when some runs never reach it.

Such a run is censored: all that is known is that it would have taken longer. Dropping it would make
the variant that fails most look fastest, so all runs count, by the Kaplan-Meier estimate of the share of
runs that are not there yet: Kaplan and Meier (1958), "Nonparametric Estimation from Incomplete Observations".
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats  # type: ignore[import-untyped]

from qsweep.report.statistics.summaries import Floats, Interval


@dataclass(frozen=True)
class EpisodesToThreshold:
    """The episodes that n runs took, of which `reached` got there at all.

    median: by when half of the runs are expected there; inf: not reached. interval: its 95% interval;
    a high end of inf: no number of episodes is known to be enough.
    restricted_mean: the mean of the episodes taken, no run counted beyond `horizon`, which is the longest
    that any run was watched.
    """

    n: int
    reached: int
    median: float
    interval: Interval
    restricted_mean: float
    horizon: float


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


def episodes_to_threshold(times: Floats, reached: npt.NDArray[np.bool_]) -> EpisodesToThreshold:
    """The Kaplan-Meier median and restricted mean of at least one run, from `first_reached`.

    The median's interval is where the log-log band of the curve crosses a half: Brookmeyer and Crowley
    (1982), "A Confidence Interval for the Median Survival Time", with Greenwood's variance.
    """
    horizon = float(times.max())
    if not reached.any():
        return EpisodesToThreshold(len(times), 0, np.inf, (np.nan, np.inf), horizon, horizon)
    curve = stats.ecdf(stats.CensoredData.right_censored(times, ~reached)).sf
    with warnings.catch_warnings():  # where all or none are there yet, the band is undefined, NaN
        warnings.simplefilter("ignore", RuntimeWarning)
        band = curve.confidence_interval(method="log-log")
    # Once no run is left the estimate is 0, and so is the band's lower end.
    low = np.where(curve.probabilities == 0, 0.0, band.low.probabilities)
    steps = np.diff(curve.quantiles, prepend=0.0, append=horizon)
    heights = np.append(1.0, curve.probabilities)
    return EpisodesToThreshold(
        n=len(times),
        reached=int(reached.sum()),
        median=_first(curve.quantiles, curve.probabilities),
        interval=(_first(curve.quantiles, low), _first(curve.quantiles, band.high.probabilities)),
        restricted_mean=float(steps @ heights),
        horizon=horizon,
    )


def _first(times: Floats, shares: Floats) -> float:
    """The first time at which a share is down to a half; inf where none is."""
    down = np.flatnonzero(shares <= 0.5)
    return float(times[down[0]]) if len(down) else np.inf
