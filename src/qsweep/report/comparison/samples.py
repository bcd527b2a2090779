"""The scores of variants over their seeds, and the order of variants, which all that ranks them shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Sample:
    """The scores [n] of a variant, higher is better, NaN where a run has none, and their seeds [n]."""

    label: str
    scores: npt.NDArray[np.float64]
    seeds: npt.NDArray[np.int64]

    def finite(self) -> Sample:
        """Without scores that are NaN or infinite."""
        good = np.isfinite(self.scores)
        return Sample(self.label, self.scores[good], self.seeds[good])

    def once(self) -> Sample:
        """With each seed once, as it came last: the same seed trained again is no further evidence."""
        seeds, backwards = np.unique(self.seeds[::-1], return_index=True)
        return Sample(self.label, self.scores[::-1][backwards], seeds)


def ordered(samples: Sequence[Sample]) -> list[int]:
    """Return the places of samples in `samples`, the leader first, then by descending mean.

    Those with equal means stay as given. After them come those with one seed, unless all have one: a lucky
    seed does not lead where others have shown more. Last are those without a score.
    """
    scores = [sample.finite().once().scores for sample in samples]
    enough = 2 if any(len(of_one) > 1 for of_one in scores) else 1

    def place(number: int) -> tuple[bool, bool, float]:
        n = len(scores[number])
        return n == 0, n < enough, -float(scores[number].mean()) if n else 0.0

    return sorted(range(len(scores)), key=place)
