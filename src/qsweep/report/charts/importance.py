"""Hyperparameter importance: the share of the variance between variants that each key explains (fANOVA)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from qsweep.report.charts.chart import Bar
from qsweep.report.charts.fanova import shares
from qsweep.report.charts.swept_values import as_text, distinct
from qsweep.system.arrays import Floats

RESAMPLES = 40
TREES = 16
MIN_VARIANTS = 4
"""The minimum number of variants: with fewer, the effects of two hyperparameters cannot be separated."""


def importances(
    settings: pd.DataFrame, scores: Sequence[Floats], generator: np.random.Generator
) -> list[Bar]:
    """Return each hyperparameter's own share of the variance between variants, the highest first.

    The rest to 1 is due to interactions of hyperparameters. interval: 95%, over resampled seeds and forests.
    Empty if all scores are equal. settings: one row per variant, one column per hyperparameter. scores: of
    each variant, [seeds].

    Hutter, Hoos and Leyton-Brown (2014), "An Efficient Approach for Assessing Hyperparameter Importance":
    the variance of a random forest's marginal prediction. Values are replaced by their ranks, so that each
    has the same weight on any scale. Every resample draws the seeds of each variant with replacement and
    fits another forest to the variants' means.
    """
    codes = np.column_stack([_ranks(settings[key]) for key in settings])
    resampled: list[Floats] = []
    for _ in range(RESAMPLES):
        drawn = np.array([generator.choice(values, len(values)).mean() for values in scores])
        explained = shares(codes, drawn, TREES, int(generator.integers(2**31)))
        resampled += [] if explained is None else [explained]
    table = np.array(resampled)
    if not len(table):
        return []
    low, high = np.percentile(table, [2.5, 97.5], axis=0)
    columns = zip(settings, table.mean(axis=0), low, high, strict=True)
    known = [Bar(str(key), float(mean), (float(a), float(b))) for key, mean, a, b in columns]
    return sorted(known, key=lambda bar: -bar.value)


def between_variants(scores: Sequence[Floats]) -> float:
    """Return the share of the variance of runs that is between variants, from 0 to 1; seeds have the rest.

    Adjusted for the number of variants (Olejnik and Algina 2003: epsilon squared, never below 0). NaN if
    every variant has one seed, or all scores are equal.
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
    """Return the rank of each value among the distinct ones, as `distinct` orders them."""
    ranks = {as_text(value): rank for rank, value in enumerate(distinct(values))}
    return np.array([ranks[as_text(value)] for value in values], np.int64)
