"""The rule that decides which variants differ, and whether there is a winner.

benchmarks/decision_rule.py simulates it on real scores; docs/decision-rule.md shows how often it errs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qsweep.report.comparison.samples import Sample, ordered
from qsweep.report.statistics.comparison import probability_of_improvement
from qsweep.report.statistics.significance import LEVEL, difference_p, holm


@dataclass(frozen=True)
class Decision:
    """The decision between variants that have scores.

    order: their indices, the leader first. worse: for each of the others, in that order, whether the leader
    is significantly better. winner: the index of the leader if it is better than all others, else None.
    """

    order: tuple[int, ...]
    worse: tuple[bool, ...]
    winner: int | None


def decide(samples: Sequence[Sample]) -> Decision:
    """Decide between samples, each finite, with a seed once and at least one score.

    The leader is better than another variant if it has the higher mean, most of its runs score higher, both
    tests of `difference_p` are significant at 5%, and fresh seeds that both have do not reverse the order.
    It is the winner if it is better than every other. No correction is needed for that: all differences must
    be significant at once (Berger 1982). Without a winner, the variants that are worse must be significant
    after a correction for all pairs of variants (Holm's, times half their number), because the leader was
    selected by its scores.
    """
    order = ordered(samples)
    first, *others = (samples[number] for number in order)
    p_values = np.array([difference_p(first.scores, other.scores) for other in others])
    ahead = np.array([_ahead(first, other) for other in others], bool)
    better = ahead & (p_values <= LEVEL)
    if others and better.all():
        return Decision(tuple(order), (True,) * len(others), order[0])
    corrected = holm(p_values) * max(len(samples) / 2, 1)
    return Decision(tuple(order), tuple((ahead & (corrected <= LEVEL)).tolist()), None)


def reversed_by_fresh(leader: Sample, other: Sample) -> bool:
    """Return whether the other variant has at least the leader's mean on fresh seeds that both have."""
    fresh = leader.confirmation(), other.confirmation()
    return bool(len(fresh[0]) and len(fresh[1]) and fresh[0].mean() <= fresh[1].mean())


def _ahead(leader: Sample, other: Sample) -> bool:
    x, y = leader.scores, other.scores
    by_rank = float(probability_of_improvement(x, y)) > 0.5
    return by_rank and float(x.mean()) > float(y.mean()) and not reversed_by_fresh(leader, other)
