from __future__ import annotations

import numpy as np
import pytest

from qsweep.report.comparison.decision import decide
from qsweep.report.comparison.samples import Sample

STEPS = np.arange(10.0)


def samples(*scores: np.ndarray) -> list[Sample]:
    return [Sample(str(n), values, np.arange(len(values))) for n, values in enumerate(scores)]


def test_a_winner_is_better_than_all() -> None:
    """With ten seeds that never overlap, the highest wins, whatever the number of variants."""
    found = decide(samples(*(STEPS + 20 * n for n in range(30))))
    assert found.winner == found.order[0] == 29
    assert found.order == tuple(range(29, -1, -1))
    assert found.worse == (True,) * 29


def test_without_a_winner_all_pairs_are_corrected_for() -> None:
    """Five seeds that never overlap have p = 2 / 252: significant as one of 6 pairs, not as one of 45."""
    two_best = [STEPS[:5] + 20, STEPS[:5] + 20.5]
    few = decide(samples(*two_best, STEPS[:5], STEPS[:5] + 0.1))
    assert (few.winner, few.worse) == (None, (False, True, True))
    many = decide(samples(*two_best, *(STEPS[:5] + 0.1 * n for n in range(8))))
    assert many.worse == (False,) * 9


def test_a_rank_alone_decides_nothing() -> None:
    """Nine of ten runs are higher, but the means are close: no winner either way."""
    often = np.array([10.0] * 9 + [0.0])
    assert decide(samples(often, STEPS / 100 + 8.9)).winner is None
    assert decide(samples(often, STEPS / 100 + 9.1)).winner is None


@pytest.mark.parametrize("n", [1, 3])
def test_too_few_seeds(n: int) -> None:
    """Up to three seeds each decide nothing."""
    assert decide(samples(STEPS[:n] + 100, STEPS[:n])).winner is None


def test_one_variant() -> None:
    """A single variant is ranked first and is no winner."""
    assert decide(samples(STEPS)).winner is None
    assert decide(samples(STEPS)).order == (0,)
