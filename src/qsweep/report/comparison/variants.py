"""Variants ranked over their seeds, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from qsweep.config import RULES
from qsweep.report.loading.runs import SCORE

DERIVED = ("epsilon.decay_", "env.low", "env.high", "env.max_steps", "initial_q.", "checkpoint_every")
"""Params that a preset or another param often decides; not worth naming where they follow it."""
RUN_KEYS = ("seed", "tracking.", "registry.", "engine")
"""Params in which the runs of one variant may differ."""


def finished(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs that count: finished and judged, a config that ran more than once by its latest run."""
    if runs.empty or SCORE not in runs:
        return runs.iloc[:0]
    return runs[(runs["status"] == "FINISHED") & runs[SCORE].notna()].drop_duplicates("config")


def differing(runs: pd.DataFrame) -> list[str]:
    """The params in which variants differ, leaving out derived ones that only follow another one."""
    variants = runs.drop_duplicates("variant").astype(str)
    columns = [str(column) for column in runs]
    keys = [c for c in columns if any(c == rule or c.startswith(f"{rule}.") for rule in RULES)]
    keys = [key for key in keys if not key.startswith(RUN_KEYS)]
    chosen: list[str] = []
    for key in sorted(keys, key=lambda k: (k.count("."), columns.index(k))):
        follows = key.startswith(DERIVED) and any(
            (variants.groupby(other)[key].nunique() == 1).all() for other in chosen
        )
        if variants[key].nunique() > 1 and not follows:
            chosen.append(key)
    return chosen


def variants(runs: pd.DataFrame) -> pd.DataFrame:
    """One row a variant, the best mean first, over its seeds.

    Columns: variant, label, seeds; mean, sd (NaN with one seed), worst and best of the test score over
    seeds; optimum, the environment's (NaN where unknown); train, the mean of the last trailing average
    while training; seconds of training, mean. runs: a frame as `load_runs` gives it.
    """
    counted = finished(runs)
    if counted.empty:
        return pd.DataFrame()
    keys = differing(counted)
    rows = []
    for variant, group in counted.groupby("variant", sort=False):
        score = group[SCORE]
        rows.append(
            {
                "variant": variant,
                "label": label(group.iloc[0], keys),
                "seeds": group["seed"].nunique(),
                "mean": score.mean(),
                "sd": score.std(ddof=1),
                "worst": score.min(),
                "best": score.max(),
                "train": _mean(group, "train/return_avg"),
                "optimum": _mean(group, "optimum/return"),
                "seconds": _mean(group, "train/seconds"),
            }
        )
    return pd.DataFrame(rows).sort_values("mean", ascending=False, ignore_index=True)


def _mean(group: pd.DataFrame, column: str) -> float:
    """The mean of a metric that runs of older versions may lack."""
    return float(group[column].mean()) if column in group else np.nan


def label(run: pd.Series, keys: Sequence[str]) -> str:
    """A variant in words: the params in which it differs from the others, or its environment."""
    return "  ".join(f"{key}={run[key]}" for key in keys) or str(run["env.id"])
