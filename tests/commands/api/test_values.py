from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qsweep.commands.api.values import override_lines
from qsweep.plan.composition import load_config, plan


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("buckets", 40, "buckets=40"),
        ("buckets", np.int64(40), "buckets=40"),
        ("buckets", [20, 40], "buckets=[20,40]"),
        ("buckets", np.array([20, 40]), "buckets=[20,40]"),
        ("learning_rate", 1e-05, "learning_rate=1e-05"),
        ("env", "cart_pole", "env=cart_pole"),
        ("trace_decay", None, "trace_decay=null"),
        ("epsilon", {"start": 0.3}, "epsilon.start=0.3"),
        ("env", {"kwargs": {"is_slippery": False}}, "env.kwargs.is_slippery=false"),
    ],
)
def test_a_value_as_an_override(key: str, value: Any, line: str) -> None:
    """A keyword argument becomes the line that one would type."""
    assert override_lines((), {key: value}) == [line]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([10, 20], "10,20"),
        (range(3), "0,1,2"),
        (np.array([0.1, 0.25]), "0.1,0.25"),
        ([[10, 20], [20, 20]], "[10,20],[20,20]"),
        ([True, None], "true,null"),
        ("range(3)", "range(3)"),
        (10, "10"),
    ],
)
def test_values_to_vary_over(value: Any, text: str) -> None:
    """In a sweep, a list holds several values; a list in it is one."""
    assert override_lines((), {"key": value}, several=True) == [f"key={text}"]


def test_strings_come_first() -> None:
    """Strings, alone or in lists as for load_config, are passed on as they are."""
    lines = override_lines(("+experiment=tutorial_2000", ["seed=3", "buckets=8"]), {"window": 10})
    assert lines == ["+experiment=tutorial_2000", "seed=3", "buckets=8", "window=10"]


def test_the_lines_are_understood() -> None:
    """What is made of values is read as these values."""
    keys = {"buckets": [8, 9], "epsilon": {"start": 0.25}, "discount": 1e-05, "env": "mountain_car"}
    config = load_config(override_lines((), keys))
    assert (config.buckets, config.epsilon.start, config.discount) == ((8, 9), 0.25, 1e-05)
    lines = override_lines((), {"buckets": [[8, 9], [9, 8]], "seed": range(2)}, several=True)
    assert [job.config.buckets for job in plan(lines, multirun=True).jobs] == [(8, 9), (8, 9), (9, 8), (9, 8)]
