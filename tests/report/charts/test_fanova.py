from __future__ import annotations

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.importance import FanovaImportanceEvaluator

from qsweep.report.charts.fanova import shares

TREES = 8


def drawn(rows: int, highest: tuple[int, ...]) -> np.ndarray:
    generator = np.random.default_rng(1)
    return np.column_stack([generator.permutation(np.arange(rows) % (top + 1)) for top in highest])


def of_optuna(codes: np.ndarray, scores: np.ndarray, seed: int) -> np.ndarray:
    """Return the shares of optuna's evaluator, which visits each tree node by node."""
    spaces = {str(k): FloatDistribution(-0.5, top + 0.5) for k, top in enumerate(codes.max(axis=0).tolist())}
    study = optuna.create_study(direction="maximize")
    for row, score in zip(codes.tolist(), scores.tolist(), strict=True):
        params = dict(zip(spaces, map(float, row), strict=True))
        study.add_trial(optuna.trial.create_trial(params=params, distributions=dict(spaces), value=score))
    found = FanovaImportanceEvaluator(n_trees=TREES, seed=seed).evaluate(study)
    return np.array([found[name] for name in spaces])


@pytest.mark.parametrize("highest", [(3, 2), (29, 4, 1), (59, 59, 2, 9)])
def test_shares_equal_optunas(highest: tuple[int, ...]) -> None:
    """The same forest gives optuna's shares, for few values and for many."""
    codes = drawn(60, highest)
    scores = codes[:, 0] + codes[:, 0] * codes[:, 1] / 5 + np.random.default_rng(2).normal(0, 1, 60)
    mine = shares(codes, scores, TREES, seed=3)
    assert mine is not None
    np.testing.assert_allclose(mine, of_optuna(codes, scores, seed=3), rtol=1e-5)


def test_nothing_to_explain() -> None:
    """Equal scores have no variance to explain."""
    assert shares(drawn(20, (3, 2)), np.ones(20), TREES, seed=0) is None


def test_one_column_explains_all() -> None:
    """If scores depend on one column only, the other explains nothing."""
    codes = drawn(60, (5, 5))
    found = shares(codes, 10.0 * codes[:, 0], TREES, seed=0)
    assert found == pytest.approx([1, 0], abs=1e-9)
