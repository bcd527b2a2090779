"""Variants in the order of their scores, each compared with the leader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qsweep.report.comparison.decision import decide, reversed_by_fresh
from qsweep.report.comparison.samples import Sample
from qsweep.report.statistics.comparison import Comparison, compare_with_first
from qsweep.report.statistics.summaries import RESAMPLES, Summary, summaries


@dataclass(frozen=True)
class Row:
    """A ranked variant.

    summary: of all its scores. fresh: of those on fresh seeds. first: the mean of all others, by which it was
    selected; NaN without any. comparison: the leader against it; None for the leader and if it has no score.
    worse: whether the leader is significantly better. reversed: whether fresh seeds alone contradict that.
    """

    label: str
    summary: Summary
    fresh: Summary
    first: float
    comparison: Comparison | None
    worse: bool = False
    reversed: bool = False


def ranked(
    samples: Sequence[Sample], generator: np.random.Generator, resamples: int = RESAMPLES
) -> tuple[Row, ...]:
    """Return the variants in the order of `ordered`, each summarised and compared with the leader."""
    samples = [sample.finite().once() for sample in samples]
    scored = [sample for sample in samples if len(sample.scores)]
    compared: list[Comparison] = []
    worse: tuple[bool, ...] = ()
    if scored:
        decision = decide(scored)
        scored, worse = [scored[number] for number in decision.order], decision.worse
        scores, seeds = [sample.scores for sample in scored], [sample.seeds for sample in scored]
        compared = compare_with_first(scores, seeds, generator, resamples)
    everything = [*scored, *(sample for sample in samples if not len(sample.scores))]
    found = summaries([sample.scores for sample in everything], generator, resamples)
    fresh = summaries([sample.confirmation() for sample in everything], generator, resamples)
    rows = []
    for place, sample in enumerate(everything):
        other, before = 0 < place < len(scored), sample.selection()
        rows.append(
            Row(
                label=sample.label,
                summary=found[place],
                fresh=fresh[place],
                first=float(before.mean()) if len(before) else np.nan,
                comparison=compared[place - 1] if other else None,
                worse=other and worse[place - 1],
                reversed=other and reversed_by_fresh(scored[0], sample),
            )
        )
    return tuple(rows)
