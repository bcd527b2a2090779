"""How much of the differences between variants each swept hyperparameter explains (fANOVA)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from qsweep.report.charts.fanova import shares
from qsweep.report.charts.swept_values import as_typed, distinct
from qsweep.report.statistics.summaries import Interval

Floats = npt.NDArray[np.float64]

RESAMPLES = 40
TREES = 16
FEWEST_VARIANTS = 4
"""With fewer, two hyperparameters cannot be told from each other."""


@dataclass(frozen=True)
class Importance:
    """One hyperparameter's share of the variance between variants, 0 to 1, on its own.

    What all shares leave of 1 belongs to hyperparameters acting together. interval: 95%, over resampled
    seeds and forests.
    """

    key: str
    share: float
    interval: Interval


def importances(
    settings: pd.DataFrame, scores: Sequence[Floats], generator: np.random.Generator
) -> list[Importance]:
    """The importance of each column of `settings`, the highest first; none where no variant differs.

    settings: one row a variant, one column a hyperparameter. scores: of each variant, [seeds].
    Hutter, Hoos and Leyton-Brown (2014), "An Efficient Approach for Assessing Hyperparameter Importance":
    the variance of a random forest's marginal prediction. Values are taken by their rank, so that each one
    tried weighs the same, whatever the scale. Every resample draws the seeds of each variant anew and grows
    another forest on the variants' means.
    """
    codes = np.column_stack([_ranks(settings[key]) for key in settings])
    resampled: list[Floats] = []
    for _ in range(RESAMPLES):
        drawn = np.array([generator.choice(values, len(values)).mean() for values in scores])
        found = shares(codes, drawn, TREES, int(generator.integers(2**31)))
        resampled += [] if found is None else [found]
    table = np.array(resampled)
    if not len(table):
        return []
    low, high = np.percentile(table, [2.5, 97.5], axis=0)
    columns = zip(settings, table.mean(axis=0), low, high, strict=True)
    known = [Importance(str(key), float(mean), (float(a), float(b))) for key, mean, a, b in columns]
    return sorted(known, key=lambda importance: -importance.share)


def between_variants(scores: Sequence[Floats]) -> float:
    """The share of the variance between runs that lies between variants, 0 to 1; the rest is the seeds'.

    Adjusted for the number of variants (Olejnik and Algina 2003: epsilon squared, never below 0). NaN
    where every variant has one seed, or all scores are equal.
    """
    runs = np.concatenate(list(scores))
    within = sum(float(((values - values.mean()) ** 2).sum()) for values in scores)
    total = float(((runs - runs.mean()) ** 2).sum())
    free = len(runs) - len(scores)
    if not free or not total:
        return float("nan")
    between = total - within - (len(scores) - 1) * within / free
    return min(max(between / total, 0.0), 1.0)


def _ranks(values: pd.Series) -> npt.NDArray[np.int64]:
    """Each value as its place among the distinct ones, as `distinct` orders them."""
    places = {as_typed(value): place for place, value in enumerate(distinct(values))}
    return np.array([places[as_typed(value)] for value in values], np.int64)
