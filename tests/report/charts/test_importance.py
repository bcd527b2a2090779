from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from qsweep.report.charts.importance import between_variants, importances

pytestmark = pytest.mark.slow

GRID = pd.DataFrame([(a, b) for a in (1, 2, 3, 4) for b in (0.1, 0.2, 0.4)], columns=["a", "b"])


def scores(a: float, b: float, noise: float, seeds: int = 8) -> list[np.ndarray]:
    """Return scores [seeds] per variant: `a` times the first key's rank, `b` times the second's, noise."""
    generator = np.random.default_rng(1)
    ranks = zip(GRID["a"] - 1, GRID["b"].rank(method="dense") - 1, strict=True)
    return [a * i + b * j + generator.normal(0, noise, seeds) for i, j in ranks]


def test_additive_effects() -> None:
    """For additive effects, the shares are those of the exact analysis of variance.

    The variance of 4 ranks is 15/12, of 3 ranks 8/12: effects of 2 and 1 give 5 to 2/3, so 0.88 to 0.12.
    """
    found = {bar.label: bar for bar in importances(GRID, scores(2, 1, 0.01), rng())}
    assert found["a"].value == pytest.approx(5 / (5 + 2 / 3), abs=0.06)
    assert found["b"].value == pytest.approx(2 / 3 / (5 + 2 / 3), abs=0.06)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_the_most_important_first() -> None:
    """Keys are sorted by their share, which lies in its interval."""
    found = importances(GRID, scores(0.5, 3, 0.1), rng())
    assert [bar.label for bar in found] == ["b", "a"]
    for bar in found:
        assert 0 <= bar.interval[0] <= bar.value <= bar.interval[1] <= 1


def test_noise_widens_the_interval() -> None:
    """If seeds differ more, so do the shares of the resamples."""
    certain, unsure = (importances(GRID, scores(1, 1, noise), rng())[0].interval for noise in (0.01, 3.0))
    assert unsure[1] - unsure[0] > 3 * (certain[1] - certain[0])


def test_the_scale_does_not_matter() -> None:
    """Values count by their rank: a learning rate has the same importance on any scale."""
    stretched = GRID.assign(b=10.0 ** (10 * GRID["b"]))
    assert importances(GRID, scores(1, 1, 0.5), rng()) == importances(stretched, scores(1, 1, 0.5), rng())


def test_texts_and_missing_values() -> None:
    """Texts, and values that only some variants have, are values like any other."""
    named = GRID.assign(a=GRID["a"].map({1: "w", 2: "x", 3: "y", 4: None}))
    [first, _] = importances(named, scores(2, 0, 0.1), rng())
    assert (first.label, first.value > 0.9) == ("a", True)


def test_the_same_generator_gives_the_same_answer() -> None:
    """All randomness comes from the generator."""
    assert importances(GRID, scores(1, 1, 1), rng()) == importances(GRID, scores(1, 1, 1), rng())


def test_equal_scores() -> None:
    """If all variants have the same score, no importance is returned."""
    assert importances(GRID, [np.zeros(3)] * len(GRID), rng()) == []


def test_the_share_between_variants_by_hand() -> None:
    """Variants (0, 2) and (10, 12) have 100 of 104 between them, minus a share of the noise: 98 / 104."""
    assert between_variants([np.array([0.0, 2.0]), np.array([10.0, 12.0])]) == pytest.approx(98 / 104)


def test_no_share_below_zero() -> None:
    """Pure noise has a share of 0; with one seed each, or without variance, the share is NaN."""
    assert between_variants([np.array([0.0, 9.0]), np.array([1.0, 8.0])]) == 0
    assert np.isnan(between_variants([np.array([0.0]), np.array([1.0])]))
    assert np.isnan(between_variants([np.ones(2), np.ones(2)]))
