"""Variants ranked over their seeds, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from rich.markup import escape
from rich.table import Table

from qsweep.config import RULES
from qsweep.tracking.run_ids import short

CAPTION = (
    "mean, SD, worst and best over seeds: the chosen checkpoint's mean return on test starts\n"
    "of optimum: how near the mean comes to the best possible, where known: a share, or how far below\n"
    "training, s: the last trailing average, with exploration, and the seconds that training took"
)
"""What the columns of `variants_table` mean."""
SCORE = "test/return_mean"
"""What variants are ranked by: the mean return of a run's chosen checkpoint on test starts."""
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


def share_of_optimum(score: float, optimum: float) -> str:
    """How near a mean return comes to the best that can be expected, in words.

    The quotient of the two, the smaller by the larger in absolute value, where both have one sign.
    """
    if np.isnan(optimum):
        return "-"
    if score >= optimum:
        return "100.0%" if score == optimum else "above: luck"
    if optimum > 0 and score > 0:
        return f"{score / optimum:.1%}"
    return f"{optimum / score:.1%}" if optimum < 0 else f"{optimum - score:.3g} below"


def number(value: float) -> str:
    """A return as people write it: four digits, whatever its size."""
    return f"{value:.4g}"


def variants_table(runs: pd.DataFrame, title: str) -> Table:
    """The variants as a table for the terminal."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("variant", overflow="fold")
    for column in ("seeds", "mean", "SD", "worst", "best", "of optimum", "training", "s"):
        table.add_column(column, justify="right")
    for row in variants(runs).to_dict("records"):
        spread = "-" if row["seeds"] == 1 else f"{row['sd']:.2g}"
        scores = (number(row["mean"]), spread, number(row["worst"]), number(row["best"]))
        training = (number(row["train"]), f"{row['seconds']:.2f}")
        share = share_of_optimum(row["mean"], row["optimum"])
        table.add_row(escape(row["label"]), str(row["seeds"]), *scores, share, *training)
    return table


def runs_table(runs: pd.DataFrame, limit: int) -> Table:
    """The latest runs as a table for the terminal."""
    shown = runs.head(limit)
    more = f" (the latest {limit} of {len(runs)})" if len(runs) > limit else ""
    table = Table(title=f"Runs{more}", title_justify="left", box=None, pad_edge=False)
    for column in ("started", "run", "id", "status"):
        table.add_column(column, overflow="fold")
    table.add_column("test mean", justify="right")
    for _, run in shown.iterrows():
        score = run.get(SCORE, float("nan"))
        started = run["started"].tz_convert(None).strftime("%Y-%m-%d %H:%M")
        value = "-" if pd.isna(score) else number(score)
        table.add_row(started, escape(str(run["name"])), short(run["run_id"]), run["status"], value)
    return table
