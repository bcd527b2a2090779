from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from qsweep.report.charts.swept_values import as_typed, axis_of, distinct, having


def test_values_in_order() -> None:
    """Numbers ascend, texts follow, and what is missing comes last."""
    column = pd.Series([10, "[10,20]", None, 2.5, "auto", 10], dtype=object)
    assert distinct(column) == [2.5, 10, "[10,20]", "auto", None]
    assert distinct(pd.Series([3, 1, 2, 3])) == [1, 2, 3]


def test_who_has_a_value() -> None:
    """A missing value is had by those that have none."""
    column = pd.Series([10, None, 20], dtype=object)
    assert having(column, 10).tolist() == [True, False, False]
    assert having(column, None).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (20, "20"),
        (20.0, "20"),
        (0.05, "0.05"),
        (np.float64(0.1), "0.1"),
        (True, "true"),
        (None, "none"),
        ("a", "a"),
    ],
)
def test_values_as_typed(value: object, text: str) -> None:
    """A value in words is what a user would type for it."""
    assert as_typed(value) == text


def test_an_axis() -> None:
    """Numbers stand where they are; texts, truths and mixtures, one beside the other."""
    axis, places = axis_of("learning_rate", [0.01, 0.1, 1.0])
    assert (axis.scale, axis.names, places) == ("log", (), [0.01, 0.1, 1.0])
    axis, places = axis_of("epsilon.schedule", ["constant", "linear"])
    assert (axis.names, places) == (("constant", "linear"), [0.0, 1.0])
    assert axis_of("x", [False, True])[0].names == ("false", "true")
    assert axis_of("x", [10, None])[0].names == ("10", "none")
