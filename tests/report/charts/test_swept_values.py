from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from qsweep.report.charts.swept_values import as_text, axis_of, distinct, rows_with


def test_values_in_order() -> None:
    """Numbers ascend, texts follow, and a missing value is last."""
    column = pd.Series([10, "[10,20]", None, 2.5, "auto", 10], dtype=object)
    assert distinct(column) == [2.5, 10, "[10,20]", "auto", None]
    assert distinct(pd.Series([3, 1, 2, 3])) == [1, 2, 3]


def test_rows_with_a_value() -> None:
    """The value None selects the rows without a value."""
    column = pd.Series([10, None, 20], dtype=object)
    assert rows_with(column, 10).tolist() == [True, False, False]
    assert rows_with(column, None).tolist() == [False, True, False]


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
    """The text of a value is what a user would type."""
    assert as_text(value) == text


def test_an_axis() -> None:
    """Numbers are at their values; texts, booleans and mixtures are at 0, 1, 2, ..."""
    axis, places = axis_of("learning_rate", [0.01, 0.1, 1.0])
    assert (axis.scale, axis.names, places) == ("log", (), [0.01, 0.1, 1.0])
    axis, places = axis_of("epsilon.schedule", ["constant", "linear"])
    assert (axis.names, places) == (("constant", "linear"), [0.0, 1.0])
    assert axis_of("x", [False, True])[0].names == ("false", "true")
    assert axis_of("x", [10, None])[0].names == ("10", "none")
