"""Variants in the order of their scores, each compared with the leader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qsweep.report.comparison.samples import Sample, ordered
from qsweep.report.statistics.comparison import Comparison, compare_with_first
from qsweep.report.statistics.summaries import RESAMPLES, Summary, summaries


@dataclass(frozen=True)
class Row:
    """A ranked variant. comparison: the leader against it; None for the leader and if it has no score."""

    label: str
    summary: Summary
    comparison: Comparison | None


def ranked(
    samples: Sequence[Sample], generator: np.random.Generator, resamples: int = RESAMPLES
) -> tuple[Row, ...]:
    """Return the variants in the order of `ordered`, each summarised and compared with the leader."""
    samples = [sample.finite().once() for sample in samples]
    found = summaries([sample.scores for sample in samples], generator, resamples)
    described = [(samples[n], found[n]) for n in ordered(samples)]
    scored = [sample for sample, summary in described if summary.n]
    compared: list[Comparison] = []
    if scored:
        scores, seeds = [sample.scores for sample in scored], [sample.seeds for sample in scored]
        compared = compare_with_first(scores, seeds, generator, resamples)
    without = [None] * (len(described) - len(scored))
    pairs = zip(described, [None, *compared, *without] if scored else without, strict=True)
    return tuple(Row(sample.label, summary, comparison) for (sample, summary), comparison in pairs)
