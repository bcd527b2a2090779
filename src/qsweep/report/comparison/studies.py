"""A study: the runs of one environment, grouped by variant and compared over their seeds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import pandas as pd

from qsweep.errors import Problem, UsageError, closest
from qsweep.report.comparison.samples import Sample, SampleContents
from qsweep.report.comparison.variants import (
    HASH_LENGTH,
    confirming,
    differing,
    environment_titles,
    labels,
    samples,
    with_fresh_seeds,
)
from qsweep.report.comparison.verdict import Verdict, judge
from qsweep.report.statistics.comparison import Comparison, compare_with_first

SEED = 20_240_229
"""Seed of the resampling, so that the same runs always give the same verdict."""


@dataclass(frozen=True, eq=False)
class Study:
    """The runs of one environment; runs of different environments are never compared.

    title: the environment's id, with distinguishing params if several share it. metric: the compared one.
    keys: the params in which variants differ. confirming: runs of finalists on fresh seeds; runs: all
    others, of any status. counted: the finished runs of both that have the metric, each config once, with
    the columns `label` and `fresh`. verdict: over all seeds of `counted`. baseline: a label, or None;
    against: label -> the baseline against it.
    """

    title: str
    env_id: str
    metric: str
    keys: tuple[str, ...]
    runs: pd.DataFrame
    confirming: pd.DataFrame
    counted: pd.DataFrame
    verdict: Verdict
    baseline: str | None
    against: dict[str, Comparison]

    @property
    def fresh(self) -> pd.DataFrame:
        """The counted runs on fresh seeds."""
        return self.counted[self.counted["fresh"]]

    @property
    def labels(self) -> list[str]:
        """Labels of the variants that have a score, the leader first."""
        return [row.label for row in self.verdict.rows if row.summary.n]

    def of(self, variant: str) -> pd.DataFrame:
        """Return the counted runs of a variant (a label), sorted by seed."""
        return self._by_label.get(variant, self.counted.iloc[:0])

    @cached_property
    def _by_label(self) -> dict[str, pd.DataFrame]:
        groups = self.counted.groupby("label", sort=False)
        return {str(label): group.sort_values("seed") for label, group in groups}

    def best_run(self, variant: str) -> pd.Series:
        """Return the counted run of a variant with the highest score."""
        runs = self.of(variant)
        return runs.iloc[int(runs[self.metric].to_numpy().argmax())]

    def scores(self, variant: str) -> np.ndarray:
        """Return the scores of a variant, float64[seeds]."""
        return self.of(variant)[self.metric].to_numpy(np.float64)


def studies(
    runs: pd.DataFrame, metric: str, baseline: str | None, generator: np.random.Generator
) -> list[Study]:
    """Return one study per environment, the one with the most runs first.

    Raises UsageError if no variant matches `baseline`.
    """
    groups = [group for _, group in runs.groupby(_environments(runs), sort=False)]
    titles = environment_titles(groups)
    made = [
        _study(group, title, metric, baseline, generator) for group, title in zip(groups, titles, strict=True)
    ]
    if baseline is not None and made and all(study.baseline is None for study in made):
        known = [name for study in made for name in study.labels]
        rule = "must be the label or hash of a variant"
        raise UsageError([Problem("--baseline", rule, baseline, closest(baseline, known))])
    return sorted(made, key=lambda study: -len(study.runs))


def _environments(runs: pd.DataFrame) -> pd.Series:
    """Return each run's environment: its hash, or its id in older runs without one."""
    ids = runs["env.id"] if "env.id" in runs else pd.Series("unknown", index=runs.index)
    return runs["environment"].fillna(ids.fillna("unknown"))


def _study(
    group: pd.DataFrame, title: str, metric: str, baseline: str | None, generator: np.random.Generator
) -> Study:
    again = confirming(group)
    counted = with_fresh_seeds(group, metric)
    keys = tuple(differing(counted)) if len(counted) else ()
    names = labels(counted, keys)
    counted = counted.assign(label=counted["variant"].map(names))
    chosen = _called(baseline, names)
    return Study(
        title=title,
        env_id=str(group["env.id"].iloc[0]) if "env.id" in group else "unknown",
        metric=metric,
        keys=keys,
        runs=group[~again],
        confirming=group[again],
        counted=counted,
        verdict=_verdict(tuple(sample.contents for sample in samples(counted, metric))),
        baseline=chosen,
        against=_against(chosen, samples(counted, metric), generator) if chosen else {},
    )


@lru_cache(maxsize=16)
def _verdict(contents: tuple[SampleContents, ...]) -> Verdict:
    """Return the verdict on samples, computed once for a sweep's report and its last sentence."""
    return judge([Sample.of(each) for each in contents], np.random.default_rng(SEED))


def _called(baseline: str | None, names: dict[str, str]) -> str | None:
    """Return the label of the variant that `baseline` names: by label, in any spacing, or by hash."""
    if baseline is None:
        return None
    for variant, name in names.items():
        by_hash = len(baseline) >= HASH_LENGTH and variant.startswith(baseline)
        if by_hash or _words(name) == _words(baseline):
            return name
    return None


def _words(name: str) -> set[str]:
    return set(name.replace(",", " ").split())


def _against(baseline: str, samples: list[Sample], generator: np.random.Generator) -> dict[str, Comparison]:
    ordered = sorted((sample.finite().once() for sample in samples), key=lambda s: s.label != baseline)
    compared = compare_with_first([s.scores for s in ordered], [s.seeds for s in ordered], generator)
    return dict(zip((s.label for s in ordered[1:]), compared, strict=True))
