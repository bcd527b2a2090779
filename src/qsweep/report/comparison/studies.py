"""A study: the runs of one environment, told apart by variant and judged over their seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from qsweep.errors import Problem, UsageError, closest
from qsweep.report.comparison.ranking import Sample
from qsweep.report.comparison.variants import differing, label
from qsweep.report.comparison.verdict import Verdict, judge
from qsweep.report.loading.selection import CONFIRM
from qsweep.report.statistics.comparison import Comparison, compare_with_first

SEED = 20_240_229
"""Of the resampling: the same runs are judged the same way every time."""
HASH_LENGTH = 6
"""Hex digits of a variant's hash that tell apart two that look alike."""


@dataclass(frozen=True, eq=False)
class Study:
    """The runs of one environment; those of different ones are never compared.

    title: the environment's id, and what sets it apart from others of that id. metric: what is compared.
    keys: the params in which its variants differ. runs: all of them, whatever became of them, but for
    those that confirmed finalists on fresh seeds, which are `confirming`. counted: the finished runs that
    have the metric, each config once, with a column `label`; fresh: the same of `confirming`. verdict: over
    the seeds of `counted`; again: over those of `fresh`, None without any. baseline: a label, or None;
    against: the baseline against every other variant, by label.
    """

    title: str
    env_id: str
    metric: str
    keys: tuple[str, ...]
    runs: pd.DataFrame
    confirming: pd.DataFrame
    counted: pd.DataFrame
    fresh: pd.DataFrame
    verdict: Verdict
    again: Verdict | None
    baseline: str | None
    against: dict[str, Comparison]

    @property
    def labels(self) -> list[str]:
        """The variants that have a score, the leader first."""
        return [row.label for row in self.verdict.rows if row.summary.n]

    def of(self, variant: str) -> pd.DataFrame:
        """The counted runs of a variant, by its label, the lowest seed first."""
        return self.counted[self.counted["label"] == variant].sort_values("seed")

    def scores(self, variant: str) -> np.ndarray:
        """The scores of a variant, float64[seeds]."""
        return self.of(variant)[self.metric].to_numpy(np.float64)


def studies(
    runs: pd.DataFrame, metric: str, baseline: str | None, generator: np.random.Generator
) -> list[Study]:
    """One study for each environment among runs, that with the most runs first.

    Raises UsageError where no variant is called `baseline`.
    """
    groups = [group for _, group in runs.groupby(_environments(runs), sort=False)]
    titles = _titles(groups)
    made = [
        _study(group, title, metric, baseline, generator) for group, title in zip(groups, titles, strict=True)
    ]
    if baseline is not None and made and all(study.baseline is None for study in made):
        known = [name for study in made for name in study.labels]
        raise UsageError(
            [
                Problem(
                    "--baseline", "must be the label or hash of a variant", baseline, closest(baseline, known)
                )
            ]
        )
    return sorted(made, key=lambda study: -len(study.runs))


def _environments(runs: pd.DataFrame) -> pd.Series:
    """What tells environments apart: their hash, or in runs that have none their id."""
    ids = runs["env.id"] if "env.id" in runs else pd.Series("unknown", index=runs.index)
    return runs["environment"].fillna(ids.fillna("unknown"))


def _titles(groups: list[pd.DataFrame]) -> list[str]:
    """What each environment is called; of one id, also by the params in which they differ."""
    ids = [str(group["env.id"].iloc[0]) if "env.id" in group else "unknown" for group in groups]
    return [
        f"{name} ({_particulars(group)})" if ids.count(name) > 1 else name
        for name, group in zip(ids, groups, strict=True)
    ]


def _particulars(group: pd.DataFrame) -> str:
    first = group.iloc[0]
    keys = [str(key) for key in group if str(key).startswith(("env.kwargs", "env.max_steps"))]
    given = [f"{key}={first[key]}" for key in keys if pd.notna(first[key]) and first[key] != "{}"]
    return ", ".join(given) or f"environment {first['environment']}"


def _study(
    group: pd.DataFrame, title: str, metric: str, baseline: str | None, generator: np.random.Generator
) -> Study:
    confirming = _confirming(group)
    first, fresh = group[~confirming], group[confirming]
    counted = _counted(first, metric)
    fresh = _counted(fresh[~fresh["config"].isin(counted["config"])], metric)
    keys = tuple(differing(counted)) if len(counted) else ()
    names = _labels(pd.concat([counted, fresh]), keys)
    counted, fresh = (runs.assign(label=runs["variant"].map(names)) for runs in (counted, fresh))
    verdict = judge(_samples(counted, metric), generator)
    chosen = _called(baseline, names, counted)
    return Study(
        title=title,
        env_id=str(group["env.id"].iloc[0]) if "env.id" in group else "unknown",
        metric=metric,
        keys=keys,
        runs=first,
        confirming=group[confirming],
        counted=counted,
        fresh=fresh,
        verdict=verdict,
        again=judge(_samples(fresh, metric), generator) if len(fresh) else None,
        baseline=chosen,
        against=_against(chosen, _samples(counted, metric), generator) if chosen else {},
    )


def _confirming(group: pd.DataFrame) -> pd.Series:
    """Which runs trained finalists again: those of a sweep called as another one, and -confirm."""
    names = group["sweep"].fillna("").astype(str)
    bases = set(names) - {""}
    return names.map(lambda name: name.endswith(CONFIRM) and name.removesuffix(CONFIRM) in bases)


def _counted(runs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The finished runs that have a finite value of the metric, a config that ran more than once once."""
    if metric not in runs:
        return runs.iloc[:0].assign(
            **{metric: pd.Series(dtype=np.float64), "seed": pd.Series(dtype=np.int64)}
        )
    has = np.isfinite(pd.to_numeric(runs[metric], errors="coerce"))
    counted = runs[has & (runs["status"] == "FINISHED")].drop_duplicates("config")
    seeds = (
        pd.to_numeric(counted["seed"], errors="coerce")
        if "seed" in counted
        else pd.Series(np.nan, counted.index)
    )
    numbered = -1 - np.arange(len(counted))  # of older runs, which have none
    numbered_runs: pd.DataFrame = counted.assign(
        seed=np.where(seeds.isna(), numbered, seeds.fillna(0)).astype(np.int64)
    )
    return numbered_runs


def _labels(runs: pd.DataFrame, keys: tuple[str, ...]) -> dict[str, str]:
    """Variant -> its label; one that looks like another is told apart by its hash."""
    firsts = runs.drop_duplicates("variant")
    names = {str(run["variant"]): label(run, keys) for _, run in firsts.iterrows()}
    for length in (HASH_LENGTH, None):
        alike = pd.Series(names, dtype=str).duplicated(keep=False)
        names = {
            variant: f"{name}  ({variant[:length]})" if alike[variant] else name
            for variant, name in names.items()
        }
    return names


def _samples(runs: pd.DataFrame, metric: str) -> list[Sample]:
    return [
        Sample(str(name), group[metric].to_numpy(np.float64), group["seed"].to_numpy(np.int64))
        for name, group in runs.groupby("label", sort=False)
    ]


def _called(baseline: str | None, names: dict[str, str], counted: pd.DataFrame) -> str | None:
    """The label of the variant that is called `baseline`: by its label, however spaced, or its hash."""
    if baseline is None:
        return None
    there = set(counted["variant"])
    for variant, name in names.items():
        by_hash = len(baseline) >= HASH_LENGTH and variant.startswith(baseline)
        if variant in there and (by_hash or set(_words(name)) == set(_words(baseline))):
            return name
    return None


def _words(name: str) -> Iterator[str]:
    yield from name.replace(",", " ").split()


def _against(baseline: str, samples: list[Sample], generator: np.random.Generator) -> dict[str, Comparison]:
    ordered = sorted((sample.finite().once() for sample in samples), key=lambda s: s.label != baseline)
    compared = compare_with_first([s.scores for s in ordered], [s.seeds for s in ordered], generator)
    return dict(zip((s.label for s in ordered[1:]), compared, strict=True))
