from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qsweep.report.comparison.standings import optimum, solved_at
from qsweep.report.comparison.studies import Study, studies
from qsweep.report.contents import references
from tests.support.recorded import SCORE, frame


def study_of(**more: Any) -> Study:
    [study] = studies(frame({"buckets=10": [-150.0]}, **more), SCORE, None, np.random.default_rng(0))
    return study


def test_optimum_and_solved_line() -> None:
    """The optimum is the value in the runs, and the solved line is Gymnasium's threshold."""
    rules = references(study_of(**{"optimum/return": -97.6562}))
    assert [(rule.value, rule.label) for rule in rules] == [
        (-97.6562, "optimum -97.66"),
        (-110.0, "solved -110"),
    ]


@pytest.mark.parametrize(
    ("env_id", "threshold"),
    [("MountainCar-v0", -110.0), ("CartPole-v1", 475.0), ("FrozenLake-v1", 0.7), ("CliffWalking-v1", None)],
)
def test_published_thresholds(env_id: str, threshold: float | None) -> None:
    """The thresholds are those in Gymnasium's documentation; some environments have none."""
    assert solved_at(study_of(**{"env.id": env_id})) == threshold


def test_an_environment_that_is_not_as_registered() -> None:
    """With other arguments or another step limit the published threshold does not apply."""
    assert solved_at(study_of(standard="false")) is None


def test_nothing_known() -> None:
    """An unregistered environment without a recorded optimum has no reference lines."""
    study = study_of(**{"env.id": "mine:Mine-v0", "optimum/return": np.nan})
    assert optimum(study) is None
    assert references(study) == ()


def test_an_optimum_that_is_the_threshold() -> None:
    """If both values are equal, there is one line."""
    assert len(references(study_of(**{"optimum/return": -110.0}))) == 1
