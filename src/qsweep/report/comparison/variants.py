"""Grouping of runs into variants: the runs that count, labels, and the order of variants."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from typing import Any

import numpy as np
import pandas as pd

from qsweep.config import RULES, WITHOUT_EFFECT
from qsweep.report.comparison.samples import Sample, ordered
from qsweep.report.loading.selection import CONFIRM
from qsweep.system.arrays import is_finite
from qsweep.tracking.stored_run import SCORE

DERIVED = ("epsilon.decay_", "env.low", "env.high", "env.max_steps", "initial_q.", "checkpoint_every")
"""Params that often follow from a preset or another param; left out of labels if they do."""
RUN_KEYS = ("seed", *WITHOUT_EFFECT)
"""Params, and groups of params, in which the runs of one variant may differ."""


PARTICULARS = ("env.kwargs", "env.max_steps", "env.actions", "env.wrapper", "env.reset_options")
"""Params that distinguish environments of one id."""
FEW_KEYS, MOST_KEYS = 2, 4
"""Params above which a label is a preset's name if there is one, and above which it counts the rest."""
DIGITS, LETTERS = 4, 40
"""Maximum number of digits and letters of a value in a label."""
HASH_LENGTH = 6
"""Hex digits of a variant's hash that distinguish equal labels."""


def confirming(runs: pd.DataFrame) -> pd.Series:
    """Return which runs confirm finalists: those of a sweep named after another one, with -confirm."""
    bases = {str(name) for name in runs["sweep"].dropna().unique()} - {""}
    again = {name for name in bases if name.endswith(CONFIRM) and name.removesuffix(CONFIRM) in bases}
    return among(runs["sweep"], again)


def among(column: pd.Series, values: Container[Any]) -> pd.Series:
    """Return which entries of a column are among some values.

    In pandas 3.0 `isin` compares each text with each value, which takes seconds for 100,000 runs. `tolist`
    of texts takes ten times as long as an array of objects.
    """
    return pd.Series([value in values for value in column.to_numpy(object)], column.index, dtype=bool)


def counted_runs(runs: pd.DataFrame, metric: str = SCORE) -> pd.DataFrame:
    """Return the finished runs with a finite value of the metric, one per config."""
    if metric not in runs:
        return runs.iloc[:0].assign(
            **{metric: pd.Series(dtype=np.float64), "seed": pd.Series(dtype=np.int64)}
        )
    has = is_finite(pd.to_numeric(runs[metric], errors="coerce"))
    counted: pd.DataFrame = runs[has & (runs["status"] == "FINISHED")].drop_duplicates("config")
    given = counted.get("seed", pd.Series(np.nan, counted.index))
    return counted.assign(seed=_whole(given.tolist()))


def _whole(seeds: Sequence[Any]) -> list[int]:
    """Return seeds of 64 bits; those of older runs that are missing or larger get numbers below 0."""
    if {*map(type, seeds)} == {int} and max(map(abs, seeds)) < 2**63:  # fast: a store may have 100,000
        return list(seeds)
    known: dict[Any, int] = {}
    found: list[int] = []
    for number, seed in enumerate(seeds):
        try:
            exact = int(seed)
        except (TypeError, ValueError, OverflowError):
            exact = None
        if exact is None or abs(exact) >= 2**63:
            key = f"run {number}" if exact is None else exact
            exact = known.setdefault(key, -1 - len(known))
        found.append(exact)
    return found


def with_fresh_seeds(runs: pd.DataFrame, metric: str = SCORE) -> pd.DataFrame:
    """Return the runs that count, each config once, with a column `fresh`: whether they confirm finalists."""
    again = confirming(runs)
    first = counted_runs(runs[~again] if again.any() else runs, metric)
    first = first.assign(fresh=np.zeros(len(first), bool))
    fresh = counted_runs(runs[again], metric)
    fresh = fresh[~among(fresh["config"], set(first["config"]))]
    return first if fresh.empty else pd.concat([first, fresh.assign(fresh=True)])


def samples(runs: pd.DataFrame, metric: str = SCORE) -> list[Sample]:
    """Return the scores of every variant (column `label`), in the order of the frame."""
    return [
        Sample(
            str(name),
            group[metric].to_numpy(np.float64),
            group["seed"].to_numpy(np.int64),
            group["fresh"].to_numpy(bool),
        )
        for name, group in runs.groupby("label", sort=False)
    ]


def params_in(runs: pd.DataFrame) -> list[str]:
    """Return the params that the runs of one variant share, in the order of the columns."""
    columns = (str(column) for column in runs)
    params = (c for c in columns if any(c == rule or c.startswith(f"{rule}.") for rule in RULES))
    return [param for param in params if param.partition(".")[0] not in RUN_KEYS]


def differing(runs: pd.DataFrame) -> list[str]:
    """Return the params in which variants differ, without derived ones that follow from another."""
    variants = runs.drop_duplicates("variant").astype(str)
    chosen: list[str] = []
    for key in sorted(params_in(runs), key=lambda k: k.count(".")):
        follows = key.startswith(DERIVED) and any(
            (variants.groupby(other)[key].nunique() == 1).all() for other in chosen
        )
        if variants[key].nunique() > 1 and not follows:
            chosen.append(key)
    return chosen


def variants(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per variant, ranked, over all seeds, fresh ones included.

    Columns: variant, label, seeds, fresh (how many of these are); mean, sd (NaN with one seed), worst and
    best of the score over seeds; optimum and random, the returns of the best policy and of random actions
    (NaN if unknown); train, the mean of the last trailing average in training; seconds, the mean training
    time. runs: a frame as `load_runs` returns it.
    """
    counted = runs if runs.empty else with_fresh_seeds(runs)
    if counted.empty:
        return pd.DataFrame()
    names = labels(counted, differing(counted))
    counted = counted.assign(label=counted["variant"].map(names))
    measured = [sample.once() for sample in samples(counted)]
    groups = dict(list(counted.groupby("label")))
    rows = [_row(groups[measured[n].label], measured[n]) for n in ordered(measured)]
    return pd.DataFrame(rows)


def _row(runs: pd.DataFrame, sample: Sample) -> dict[str, Any]:
    scores = pd.Series(sample.scores)
    return {
        "variant": runs["variant"].iloc[0],
        "label": sample.label,
        "seeds": len(scores),
        "fresh": len(sample.confirmation()),
        "mean": scores.mean(),
        "sd": (scores - scores.iloc[0]).std(ddof=1),  # exactly 0 for equal scores
        "worst": scores.min(),
        "best": scores.max(),
        "train": mean_of(runs, "train/return_avg"),
        "optimum": mean_of(runs, "optimum/return"),
        "random": mean_of(runs, "random/return"),
        "seconds": mean_of(runs, "train/seconds"),
    }


def mean_of(group: pd.DataFrame, column: str) -> float:
    """Return the mean of a metric, NaN if older runs lack it."""
    return float(group[column].mean()) if column in group else np.nan


def labels(runs: pd.DataFrame, keys: Sequence[str]) -> dict[str, str]:
    """Return variant -> label; equal labels are distinguished by the variant's hash.

    A label has the params by which the variant differs: those that nearly all others share are left out. One
    of many params is the name of the variant's preset, if its runs have that as their name.
    """
    firsts = runs.drop_duplicates("variant")
    common = {key: value for key in keys if (value := _common(firsts[key])) is not None}
    names = {}
    for _, run in firsts.iterrows():
        own = [key for key in keys if key not in common or str(run[key]) != common[key]] or keys
        preset = _preset(run) if len(own) > FEW_KEYS else None
        names[str(run["variant"])] = preset or label(run, own)
    for length in (HASH_LENGTH, None):
        alike = pd.Series(names, dtype=str).duplicated(keep=False)
        names = {
            variant: f"{name}  ({variant[:length]})" if alike[variant] else name
            for variant, name in names.items()
        }
    return names


def label(run: pd.Series, keys: Sequence[str]) -> str:
    """Return a variant's label: the params in which it differs, or its environment."""
    shown = "  ".join(f"{key}={_short(run[key])}" for key in keys[:MOST_KEYS])
    more = f"  and {len(keys) - MOST_KEYS} more" if len(keys) > MOST_KEYS else ""
    return f"{shown}{more}" or str(run.get("env.id", "unknown"))


def _common(values: pd.Series) -> str | None:
    """Return the value that more than half of at least three variants share, as text, or None."""
    counts = values.astype(str).value_counts()
    return str(counts.index[0]) if len(values) > 2 and counts.iloc[0] > len(values) / 2 else None


def _preset(run: pd.Series) -> str | None:
    """Return what the runs of a variant are called, if that is a name and not a list of params."""
    name = re.sub(r",?seed=\d+$", "", str(run.get("name", "")))
    return name if name and "=" not in name else None


def _short(value: Any) -> str:
    """Return a param's value as text of a few digits and letters."""
    if isinstance(value, float) and len(str(value)) > DIGITS + 4:
        return f"{value:.{DIGITS}g}"
    text = str(value)
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 3]}..."


def environment_titles(groups: Sequence[pd.DataFrame]) -> list[str]:
    """Return a title for the runs of each environment: its id, with what differs if several share the id."""
    ids = [str(group["env.id"].iloc[0]) if "env.id" in group else "unknown" for group in groups]
    given = [_particulars(group) for group in groups]
    titles = []
    for name, own, group in zip(ids, given, groups, strict=True):
        others = [values for values, other in zip(given, ids, strict=True) if other == name]
        differing = [f"{k}={v}" for k, v in own.items() if any(values.get(k) != v for values in others)]
        what = ", ".join(differing) or f"environment {group['environment'].iloc[0]}"
        titles.append(f"{name} ({what})" if len(others) > 1 else name)
    return titles


def _particulars(group: pd.DataFrame) -> dict[str, str]:
    """Return the params of an environment. Of some of its runs they may not have been read."""
    values = {str(key): group[key].dropna() for key in group if str(key).startswith(PARTICULARS)}
    return {key: str(found.iloc[0]) for key, found in values.items() if len(found)}
