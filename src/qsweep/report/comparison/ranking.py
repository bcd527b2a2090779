"""Variants in the order of their scores, each compared with the leader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qsweep.report.statistics.comparison import Comparison, Seeds, compare_with_first
from qsweep.report.statistics.summaries import RESAMPLES, Floats, Summary, summaries


@dataclass(frozen=True)
class Sample:
    """The scores [n] of a variant, higher is better, NaN where a run has none, and their seeds [n]."""

    label: str
    scores: Floats
    seeds: Seeds

    def finite(self) -> Sample:
        """Without scores that are NaN or infinite."""
        good = np.isfinite(self.scores)
        return Sample(self.label, self.scores[good], self.seeds[good])

    def once(self) -> Sample:
        """With each seed once, as it came last: the same seed trained again is no further evidence."""
        seeds, backwards = np.unique(self.seeds[::-1], return_index=True)
        return Sample(self.label, self.scores[::-1][backwards], seeds)


@dataclass(frozen=True)
class Row:
    """A variant. comparison: the leader against it; None for the leader, and for one without any score."""

    label: str
    summary: Summary
    comparison: Comparison | None


def ranked(
    samples: Sequence[Sample], generator: np.random.Generator, resamples: int = RESAMPLES
) -> tuple[Row, ...]:
    """The leader first, then by falling mean, as given where these are equal.

    After them those with one seed, unless all have one: a lucky seed does not lead where others have
    shown more. Last those without a score.
    """
    samples = [sample.finite().once() for sample in samples]
    described = list(zip(samples, summaries([s.scores for s in samples], generator, resamples), strict=True))
    enough = 2 if any(summary.n > 1 for _, summary in described) else 1
    described.sort(key=lambda pair: _place(pair[1], enough))
    scored = [sample for sample, summary in described if summary.n]
    compared: list[Comparison] = []
    if scored:
        scores, seeds = [sample.scores for sample in scored], [sample.seeds for sample in scored]
        compared = compare_with_first(scores, seeds, generator, resamples)
    without = [None] * (len(described) - len(scored))
    pairs = zip(described, [None, *compared, *without] if scored else without, strict=True)
    return tuple(Row(sample.label, summary, comparison) for (sample, summary), comparison in pairs)


def _place(summary: Summary, enough: int) -> tuple[bool, bool, float]:
    """What variants are sorted by, ascending."""
    return summary.n == 0, summary.n < enough, -summary.mean if summary.n else 0.0
