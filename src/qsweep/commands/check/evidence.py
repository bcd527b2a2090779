"""The runs that an exercise is checked on: finished ones, grouped into variants with enough seeds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from qsweep.report.comparison.variants import counted_runs, params_in
from qsweep.report.formats import number
from qsweep.system.arrays import Floats


@dataclass(frozen=True)
class Result:
    """Whether the runs, or the answer given, solve an exercise, and why, in words.

    waits: the runs are there, and only the learner's answer is missing.
    """

    holds: bool
    words: str
    waits: bool = False


@dataclass(frozen=True)
class Variant:
    """The finished runs of one variant, one per seed. name: the params that an exercise is about."""

    name: str
    runs: pd.DataFrame

    @property
    def seeds(self) -> int:
        """The number of its seeds."""
        return len(self.runs)

    def values(self, metric: str) -> Floats:
        """Return a metric of its runs [seeds]."""
        found: Floats = numbers(self.runs, metric).to_numpy("float64")
        return found

    def mean(self, metric: str = "score") -> float:
        """Return the mean of a metric over its seeds."""
        return float(self.values(metric).mean())

    def param(self, key: str) -> Any:
        """Return a param, None if it does not apply; a list where the record has one."""
        value = self.runs[key].iloc[0] if key in self.runs else None
        return json.loads(value) if isinstance(value, str) and value.startswith("[") else value

    def measured(self, metric: str = "score") -> str:
        """Return its name and its mean as text: "buckets=20: -139.4 with 6 seeds"."""
        return f"{self.name}: {number(self.mean(metric))} with {_seeds(self.seeds)}"


def finished(runs: pd.DataFrame, env_id: str, **params: object) -> pd.DataFrame:
    """Return the finished runs in an environment as it is registered, one per config, the latest first.

    Runs that started from another run's table are left out: it was trained for more episodes.
    params: values that they must have; __ stands for the dot of a key.
    """
    kept = counted_runs(runs)
    for key, value in {"env.id": env_id, **params}.items():
        kept = kept[column(kept, key.replace("__", ".")) == value]
    kept = kept[column(kept, "standard") != "false"]
    return kept[column(kept, "initial_q.sha256").isna()]


def within(runs: pd.DataFrame, episodes: int) -> pd.DataFrame:
    """Return the runs with at most so many episodes."""
    return runs[numbers(runs, "episodes") <= episodes]


def column(runs: pd.DataFrame, key: str) -> pd.Series:
    """Return a column, of missing values where the frame has none: records of other versions lack some."""
    found: pd.Series = runs[key] if key in runs else pd.Series(None, runs.index, dtype=object)
    return found


def numbers(runs: pd.DataFrame, key: str) -> pd.Series:
    """Return a column of numbers, NaN where there is none."""
    found: pd.Series = pd.to_numeric(column(runs, key), errors="coerce")
    return found


def variants(runs: pd.DataFrame, keys: Sequence[str], least: int) -> list[Variant]:
    """Return the variants with at least `least` seeds, the latest first. keys: the params that name them."""
    groups = (group for _, group in runs.groupby("variant", sort=False)) if len(runs) else ()
    return [Variant(_named(group, keys), group) for group in groups if len(group) >= least]


def rivals(reference: Variant, others: Sequence[Variant], varied: Sequence[str]) -> list[Variant]:
    """Return the other variants that agree with the reference in all params but the varied ones."""
    return [
        other
        for other in others
        if other is not reference and _kept(other, varied) == _kept(reference, varied)
    ]


def _kept(variant: Variant, varied: Sequence[str]) -> dict[str, str]:
    params = (key for key in params_in(variant.runs) if key not in varied)
    return {key: str(variant.param(key)) for key in params}


def _named(group: pd.DataFrame, keys: Sequence[str]) -> str:
    return " ".join(_parts(group.iloc[0], keys))


def _parts(run: pd.Series, keys: Sequence[str]) -> Iterator[str]:
    for key in keys:
        if key in run and not pd.isna(run[key]):
            value = run[key]
            yield f"{key}={value:g}" if isinstance(value, int | float) else f"{key}={value}".replace(" ", "")


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"
