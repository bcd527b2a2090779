"""The scores of variants over their seeds, and the one order in which variants are ranked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from qsweep.system.arrays import is_finite

NOTHING_FRESH: npt.NDArray[np.bool_] = np.zeros(0, bool)


SampleContents = tuple[str, tuple[float, ...], tuple[int, ...], tuple[bool, ...]]
"""The fields of a sample as values that can be hashed."""


@dataclass(frozen=True)
class Sample:
    """The scores [n] of a variant (higher is better, NaN if missing) and their seeds [n].

    fresh [n]: whether the seed confirmed the variant, after it was selected by the others; empty: none did.
    """

    label: str
    scores: npt.NDArray[np.float64]
    seeds: npt.NDArray[np.int64]
    fresh: npt.NDArray[np.bool_] = field(default_factory=lambda: NOTHING_FRESH)

    @property
    def contents(self) -> SampleContents:
        """The fields as values that can be hashed."""
        return self.label, tuple(self.scores.tolist()), tuple(self.seeds.tolist()), tuple(self.fresh.tolist())

    @classmethod
    def of(cls, contents: SampleContents) -> Sample:
        """Return the sample with these contents."""
        label, scores, seeds, fresh = contents
        return cls(label, np.array(scores, float), np.array(seeds, np.int64), np.array(fresh, bool))

    def finite(self) -> Sample:
        """Return the sample without NaN and infinite scores."""
        return self._of(is_finite(self.scores))

    def once(self) -> Sample:
        """Return the sample with the last score of each seed: repeating a seed adds no evidence."""
        _, backwards = np.unique(self.seeds[::-1], return_index=True)
        return self._of(len(self.seeds) - 1 - backwards)

    def confirmation(self) -> npt.NDArray[np.float64]:
        """Return the scores on fresh seeds."""
        return self.scores[self.fresh] if len(self.fresh) else self.scores[:0]

    def selection(self) -> npt.NDArray[np.float64]:
        """Return the scores on all other seeds, by which the variant was selected."""
        return self.scores[~self.fresh] if len(self.fresh) else self.scores

    def _of(self, chosen: npt.NDArray[Any]) -> Sample:
        fresh = self.fresh[chosen] if len(self.fresh) else self.fresh
        return Sample(self.label, self.scores[chosen], self.seeds[chosen], fresh)


def ordered(samples: Sequence[Sample]) -> list[int]:
    """Return the indices of samples in the order in which variants are ranked, the leader first.

    The order is by descending mean over all seeds, equal means in the given order. Samples with too few seeds
    come after all others: fewer than a variant that fresh seeds confirmed, because the mean of one that was
    not is still biased by luck; then those with a single one, unless all have one; then those without any.
    """
    used = [sample.finite().once() for sample in samples]
    counts = [len(sample.scores) for sample in used]
    confirmed = [len(sample.scores) for sample in used if len(sample.confirmation())]
    several, enough = min(2, max(counts, default=0)), min(confirmed, default=0)

    def rank(number: int) -> tuple[bool, bool, bool, float]:
        n = counts[number]
        return n == 0, n < several, n < enough, -float(used[number].scores.mean()) if n else 0.0

    return sorted(range(len(used)), key=rank)
