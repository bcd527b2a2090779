from __future__ import annotations

import math
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from qsweep.errors import UsageError
from qsweep.runs.search.spaces import rounded, space


def parsed(line: str) -> Any:
    """The value that Hydra reads in an override."""
    return OverridesParser.create().parse_override(line).value()


SPACES: dict[str, BaseDistribution] = {
    "buckets=choice(10,20)": CategoricalDistribution(["10", "20"]),
    "discount=0.9,0.95,1": CategoricalDistribution(["0.9", "0.95", "1"]),
    "buckets=[10,20],[20,20]": CategoricalDistribution(["[10,20]", "[20,20]"]),
    "ties=first,random": CategoricalDistribution(["first", "random"]),
    "epsilon=linear,constant": CategoricalDistribution(["linear", "constant"]),
    "buckets=shuffle(choice(1,2,3))": CategoricalDistribution(["1", "2", "3"]),
    "buckets=range(10,60)": IntDistribution(10, 59),
    "buckets=range(10,60,7)": IntDistribution(10, 59, step=7),
    "n=range(4)": IntDistribution(0, 3),
    "n=tag(log,range(1,101))": IntDistribution(1, 100, log=True),
    "learning_rate=interval(0.01,0.5)": FloatDistribution(0.01, 0.5),
    "epsilon.start=tag(log, interval(0.01,1))": FloatDistribution(0.01, 1.0, log=True),
    "n=tag(int, interval(1,10))": IntDistribution(1, 10),
    "n=int(interval(1,10))": IntDistribution(1, 10),
    "n=tag(int,log,interval(1,1000))": IntDistribution(1, 1000, log=True),
}


@pytest.mark.parametrize("line", SPACES)
def test_hydras_syntax(line: str) -> None:
    """Each form of Hydra's sweep syntax becomes the matching distribution."""
    [searched] = space([line]).keys
    assert searched.distribution == SPACES[line]
    assert searched.key == line.partition("=")[0]


WRONG = {
    "seed=range(5)": "hydra.sweeper.seeds",
    "env=mountain_car,cart_pole": "one environment",
    "env.max_steps=range(100,200)": "one environment",
    "env.kwargs.is_slippery=true,false": "one environment",
    "evaluation.episodes=10,20": "evaluated in the same way",
    "tracking=none,local": "not a hyperparameter",
    "learning_rate=0.1": "must be a range, an interval or a choice",
    "learning_rate=range(0.1,1,0.1)": "must be a range of whole numbers",
    "buckets=range(10,5)": "must be an ascending range",
    "buckets=range(10,5,-1)": "must be an ascending range",
    "n=tag(log,range(0,5))": "must start above 0",
    "n=tag(log,range(1,9,2))": "must start above 0 and have no step",
    "learning_rate=interval(0.5,0.1)": "the lower bound first",
    "learning_rate=interval(0.5,0.5)": "the lower bound first",
    "learning_rate=interval(0,inf)": "finite",
    "learning_rate=interval(0,nan)": "finite",
    "learning_rate=tag(log,interval(0,1))": "must start above 0",
    "n=tag(int,interval(0.5,3))": "must have whole bounds",
    "learning_rate=tag(quick,interval(0,1))": "may only be tagged int or log",
    "buckets=tag(log,choice(1,2))": "is a list of categories, which cannot be tagged",
    "discount=0.9,0.90": "lists 0.9 twice",
    "algorithm=glob(*)": "must be a range, an interval or a choice",
    "learning_rate=interval(0.1": "must be written KEY=VALUE",
}


@pytest.mark.parametrize("line", WRONG)
def test_invalid_spaces(line: str) -> None:
    """An override that is not a valid space is refused; the message has the rule."""
    with pytest.raises(UsageError) as refused:
        space([line])
    [problem] = refused.value.problems
    assert WRONG[line] in str(problem)


def test_all_problems_at_once() -> None:
    """Every invalid override is reported, not only the first."""
    with pytest.raises(UsageError) as refused:
        space(["buckets=range(10,60)", *WRONG])
    assert len(refused.value.problems) == len(WRONG)


ends = st.floats(-1e6, 1e6, allow_nan=False, allow_subnormal=False)


@given(st.tuples(ends, ends).map(sorted).filter(lambda pair: pair[1] - pair[0] > 1e-6), st.floats(0, 1))
def test_drawn_values_are_rounded_little(pair: list[float], place: float) -> None:
    """A number stays in its interval, changes by a thousandth of it at most, and parses to itself."""
    low, high = pair
    [searched] = space([f"initial_q.low=interval({low!r},{high!r})"]).keys
    drawn = min(low + place * (high - low), high)
    used = parsed(searched.override(drawn))
    assert low <= used <= high
    assert used == rounded(drawn, searched.distribution)  # type: ignore[arg-type]
    assert abs(used - drawn) <= (high - low) / 1000


@given(st.floats(1e-9, 1e9))
def test_four_digits(value: float) -> None:
    """On a logarithmic scale a number keeps four significant digits."""
    used = rounded(value, FloatDistribution(1e-12, 1e12, log=True))
    assert math.isclose(used, value, rel_tol=5.001e-4)
    assert used == float(f"{used:.4g}")


@pytest.mark.parametrize(
    ("line", "drawn", "used"),
    [
        ("x=interval(0.01,0.5)", 0.123456, "0.1235"),
        ("x=interval(0.01,0.5)", 0.0123456, "0.01235"),
        ("x=tag(log,interval(0.00001,1))", 0.0000123456, "1.235e-05"),
        ("x=interval(0,1)", 0.0, "0.0"),
        ("x=interval(0.12345,0.5)", 0.12345, "0.12345"),  # an end as typed, whatever its digits
        ("x=interval(0.12345,0.5)", 0.123451, "0.1235"),
        ("x=interval(0.99,0.9999)", 0.9912345, "0.991235"),
        ("x=interval(100,90000)", 12345.678, "12350.0"),
        ("x=interval(-2,2)", -1.23456, "-1.235"),
    ],
)
def test_rounding(line: str, drawn: float, used: str) -> None:
    """A number has four significant digits, or more if a thousandth of the interval needs them."""
    assert space([line]).overrides({"x": drawn}) == (f"x={used}",)


scalars = st.one_of(
    st.integers(-1000, 1000),
    st.floats(-1e9, 1e9, allow_nan=False),
    st.booleans(),
    st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
    st.text("ab ',:\"[]{}=()", min_size=1, max_size=8),
    st.sampled_from(["5", "0.1", "true", "null", "nan", "1e5", "interval(0,1)", "x y"]),
)


def written(value: Any) -> str:
    """A value as a user has to type it."""
    if isinstance(value, list):
        return f"[{','.join(map(written, value))}]"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return str(value).lower() if isinstance(value, bool) else repr(value)


@given(st.lists(st.one_of(scalars, st.lists(st.integers(1, 99), min_size=1)), min_size=1, unique_by=repr))
def test_categories_parse_to_their_values(values: list[Any]) -> None:
    """The override of a category parses to the value that was typed: a number, word, text or list."""
    typed = [written(value) for value in values]
    kept = list(dict.fromkeys(typed))
    [searched] = space([f"x=choice({','.join(kept)})"]).keys
    lines = [searched.override(choice) for choice in searched.extremes()]
    assert [parsed(line) for line in lines] == [parsed(f"x={text}") for text in kept]


def test_corners() -> None:
    """The corners are the first point, and each other end or category of one key at a time."""
    found = space(["a=interval(0,1)", "b=x,y,z", "c=range(3)"])
    assert [found.overrides(corner) for corner in found.corners()] == [
        ("a=0.0", "b=x", "c=0"),
        ("a=1.0", "b=x", "c=0"),
        ("a=0.0", "b=y", "c=0"),
        ("a=0.0", "b=z", "c=0"),
        ("a=0.0", "b=x", "c=2"),
    ]


def test_a_plus_is_kept() -> None:
    """A + before the key is also in the trial's override."""
    found = space(["++trace_decay=interval(0,1)"])
    assert found.overrides({"trace_decay": 0.5}) == ("++trace_decay=0.5",)
