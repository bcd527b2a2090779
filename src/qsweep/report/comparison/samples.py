"""The scores of variants over their seeds, and the one order in which variants are ranked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Sample:
    """The scores [n] of a variant (higher is better, NaN if missing) and their seeds [n]."""

    label: str
    scores: npt.NDArray[np.float64]
    seeds: npt.NDArray[np.int64]

    def finite(self) -> Sample:
        """Return the sample without NaN and infinite scores."""
        good = np.isfinite(self.scores)
        return Sample(self.label, self.scores[good], self.seeds[good])

    def once(self) -> Sample:
        """Return the sample with the last score of each seed: repeating a seed adds no evidence."""
        seeds, backwards = np.unique(self.seeds[::-1], return_index=True)
        return Sample(self.label, self.scores[::-1][backwards], seeds)


def ordered(samples: Sequence[Sample]) -> list[int]:
    """Return the indices of samples by descending mean, the leader first.

    Equal means keep the given order. Samples with one seed come after all others, unless all have one: a
    single lucky seed must not lead. Samples without a score come last.
    """
    scores = [sample.finite().once().scores for sample in samples]
    enough = 2 if any(len(of_one) > 1 for of_one in scores) else 1

    def rank(number: int) -> tuple[bool, bool, float]:
        n = len(scores[number])
        return n == 0, n < enough, -float(scores[number].mean()) if n else 0.0

    return sorted(range(len(scores)), key=rank)
