"""The ranked variants of a study as a frame, the contents of `variants.csv`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from qsweep.environments.facts import facts
from qsweep.report.comparison.ranking import Row
from qsweep.report.comparison.studies import SEED, Study, studies
from qsweep.report.comparison.variants import mean_of
from qsweep.report.loading.curves import Histories, aligned, histories
from qsweep.report.loading.selection import Selection, selected
from qsweep.report.statistics.summaries import area_under_curve
from qsweep.report.statistics.thresholds import first_reached, median_episodes
from qsweep.tracking.store import open_store
from qsweep.tracking.stored_run import SCORE

CURVES = ("train/return_avg", "eval/return_mean")
"""Metrics of the curves that standings need."""
AGAINST = {
    "baseline_p_better": "probability that a run of the variant scores higher than one of the baseline",
    "baseline_p_low": "95% bootstrap interval of it, low end",
    "baseline_p_high": "high end",
    "baseline_p_value": "of the difference from the baseline, corrected by Holm's method",
}
"""Further columns of `standings` if a baseline is given."""
COLUMNS = {
    "rank": "1 for the leader: the highest mean score of the variants with enough seeds",
    "variant": "the hash that its runs share",
    "label": "the params in which it differs from the others",
    "environment": "where the runs were trained; different environments cannot be compared",
    "seeds": "how many seeds count, fresh ones included",
    "mean": "of the score over these seeds",
    "mean_low": "95% bootstrap interval of the mean, low end",
    "mean_high": "high end",
    "sd": "of the score over seeds, with n - 1",
    "iqm": "interquartile mean",
    "iqm_low": "95% bootstrap interval of it, low end",
    "iqm_high": "high end",
    "worst": "the lowest seed",
    "best": "the highest seed",
    "leader_p_better": "probability that a run of the leader scores higher than one of this variant",
    "leader_p_low": "95% bootstrap interval of it, low end",
    "leader_p_high": "high end",
    "leader_p_value": "of the difference from the leader: the larger of rank-sum test and Welch's t-test",
    "told_apart": "whether the leader is significantly better",
    "more_seeds": "about how many more seeds each a significant difference would need; empty: too many",
    "fresh_seeds": "how many of the seeds are fresh: they confirmed it after the others selected it",
    "fresh_mean": "its mean over the fresh seeds alone: an unbiased estimate",
    "fresh_low": "95% bootstrap interval of that mean, low end",
    "fresh_high": "high end",
    "optimum": "the expected return of the best policy, where it is known",
    "random": "the expected return of random actions, where it is known",
    "solved_at": "the return at which the environment counts as solved, where defined",
    "solved_runs": "seeds of which a checkpoint reached it: in exact return, or on validation starts",
    "solved_episodes": "by which episode half of the seeds would reach it (Kaplan-Meier); inf: never",
    "area": "mean height of the learning curve (area under it over its episodes), mean over seeds",
    "train_return": "the last trailing average while training, mean over seeds",
    "train_seconds": "seconds of training, mean over seeds",
    "best_run": "the id of the run with the highest score",
    "command": "the command that trains that run again",
}
"""The columns of `standings`; one per param in which variants differ follows."""
WORDS = ("variant", "label", "environment", "told_apart", "best_run", "command")
"""Columns that hold no numbers."""


def load_variants(name: str, uri: str = "auto", metric: str = SCORE) -> pd.DataFrame:
    """Return the variants of an experiment or sweep, one row each: COLUMNS, then the varied params.

    Rows are grouped by environment, its leader first. metric: compared between variants. Raises UsageError
    if there is no store, the name is unknown, or no run has the metric.
    """
    store = open_store(uri, create=False)
    runs = selected(store, Selection(name, metric=metric))
    compared = studies(runs, metric, None, np.random.default_rng(SEED))
    read = (histories(store, study.counted, CURVES) for study in compared)
    return together(standings(study, found) for study, found in zip(compared, read, strict=True))


def together(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the standings of several environments in one frame."""
    found = [frame for frame in frames if len(frame)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(COLUMNS))


def standings(study: Study, found: Histories) -> pd.DataFrame:
    """Return one row per variant, the leader first: COLUMNS, AGAINST if there is a baseline, varied params.

    Unknown values are missing.
    """
    rows = [
        _row(study, row, place, found)
        for place, row in enumerate(study.verdict.rows, start=1)
        if row.summary.n
    ]
    against = list(AGAINST) if study.baseline is not None else []
    frame = pd.DataFrame(rows, columns=[*COLUMNS, *against, *study.keys])
    numbers = [column for column in (*COLUMNS, *against) if column not in WORDS]
    return frame.assign(**{column: pd.to_numeric(frame[column]) for column in numbers})  # turns None into NaN


def _row(study: Study, row: Row, place: int, found: Histories) -> dict[str, Any]:
    runs, summary = study.of(row.label), row.summary
    best = study.best_run(row.label)
    return {
        "rank": place,
        "variant": best["variant"],
        "label": row.label,
        "environment": study.title,
        "seeds": summary.n,
        "mean": summary.mean,
        "mean_low": summary.interval[0],
        "mean_high": summary.interval[1],
        "sd": summary.sd,
        "iqm": summary.iqm,
        "iqm_low": summary.iqm_interval[0],
        "iqm_high": summary.iqm_interval[1],
        "worst": summary.worst,
        "best": summary.best,
        **_behind(row),
        **_fresh(row),
        "optimum": optimum(study),
        "random": known_return(study, "random/return"),
        **_solved(study, runs, found),
        "area": _area(runs, found),
        "train_return": mean_of(runs, "train/return_avg"),
        "train_seconds": mean_of(runs, "train/seconds"),
        "best_run": best["run_id"],
        "command": best["command"],
        **_against(study, row.label),
        **{key: best[key] for key in study.keys},
    }


def _behind(row: Row) -> dict[str, Any]:
    """Return the columns that compare a variant with the leader."""
    if row.comparison is None:
        return {}
    return {
        "leader_p_better": row.comparison.p_better,
        "leader_p_low": row.comparison.interval[0],
        "leader_p_high": row.comparison.interval[1],
        "leader_p_value": row.comparison.p,
        "told_apart": row.worse,
        "more_seeds": 0 if row.worse else row.comparison.more_seeds,
    }


def _fresh(row: Row) -> dict[str, Any]:
    if not row.fresh.n:
        return {}
    low, high = row.fresh.interval
    return {"fresh_seeds": row.fresh.n, "fresh_mean": row.fresh.mean, "fresh_low": low, "fresh_high": high}


def _against(study: Study, label: str) -> dict[str, Any]:
    comparison = study.against.get(label)
    if comparison is None:
        return {}
    low, high = comparison.interval
    figures = (1 - comparison.p_better, 1 - high, 1 - low, comparison.holm_p)
    return dict(zip(AGAINST, figures, strict=True))


def _solved(study: Study, runs: pd.DataFrame, found: Histories) -> dict[str, Any]:
    """Return the columns on solving the environment; seeds that never do are censored, not dropped."""
    line, curves = solved_at(study), aligned(found, "eval/return_mean", list(runs["run_id"]))
    if line is None or curves is None:
        return {"solved_at": line}
    times, reached = first_reached(curves[0].astype(np.int64), curves[1], line)
    solved = {"solved_runs": int(reached.sum()), "solved_episodes": median_episodes(times, reached)}
    return {"solved_at": line, **solved}


def _area(runs: pd.DataFrame, found: Histories) -> float:
    curves = aligned(found, "train/return_avg", list(runs["run_id"]))
    return (
        math.nan if curves is None else float(area_under_curve(curves[0].astype(np.int64), curves[1]).mean())
    )


def optimum(study: Study) -> float | None:
    """Return the expected return of the best policy as the runs recorded it, None if they did not."""
    return known_return(study, "optimum/return")


def known_return(study: Study, metric: str) -> float | None:
    """Return a property of the environment as the runs recorded it, None if they did not."""
    if metric not in study.counted:
        return None
    known = study.counted[metric].dropna()
    return float(known.iloc[0]) if len(known) else None


def solved_at(study: Study) -> float | None:
    """Return the mean return at which the environment counts as solved, None if undefined."""
    runs: pd.DataFrame = study.counted
    if not len(runs) or (runs["standard"] == "false").any():
        return None
    return facts(study.env_id).solved
