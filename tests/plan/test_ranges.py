from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsweep.errors import UsageError
from qsweep.plan.checking import parse
from qsweep.plan.composition import plan
from qsweep.plan.overrides import alternatives, parsed


def values(text: str) -> list[str]:
    """Return the values of a sweep over a key, as text."""
    [override] = parsed([f"key={text}"], [])
    return [line.partition("=")[2] for line in alternatives(override)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("range(0.1,0.4,0.1)", "0.1 0.2 0.3"),
        ("range(0,1,0.1)", "0.0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9"),
        ("range(1.0,0.6,-0.1)", "1.0 0.9 0.8 0.7"),
        ("range(0.1,0.35,0.1)", "0.1 0.2 0.3"),
        ("range(3)", "0 1 2"),
        ("range(10,41,20)", "10 30"),
        ("sort(range(10,41,20),reverse=true)", "30 10"),
        ("sort(range(10,41,20))", "10 30"),
        ("sort(range(30,9,-20))", "10 30"),
        ("sort(range(0.1,0.35,0.1),reverse=true)", "0.3 0.2 0.1"),
        ("sort(sort(range(0.1,0.35,0.1),reverse=true))", "0.1 0.2 0.3"),
        ("float(range(1,4))", "1.0 2.0 3.0"),
        ("sort(3,1,2)", "1 2 3"),
        ("choice(0.1,0.2)", "0.1 0.2"),
    ],
)
def test_enumerations_are_exact(text: str, found: str) -> None:
    """A range excludes its end and has the decimals that were typed; sorting keeps the values."""
    assert values(text) == found.split()


@given(st.integers(-50, 50), st.integers(1, 30), st.integers(1, 20), st.integers(0, 3))
def test_a_range_with_decimals_is_the_range_of_whole_numbers_scaled(
    start: int, step: int, count: int, digits: int
) -> None:
    """The values are those of whole numbers, divided by a power of ten."""
    by = 10**digits
    stop = start + step * count
    found = values(f"range({start / by},{stop / by},{step / by})")
    assert [float(value) for value in found] == [n / by for n in range(start, stop, step)]
    backwards = values(f"sort(range({start / by},{stop / by},{step / by}),reverse=true)")
    assert backwards == found[::-1]


def test_a_shuffled_range_has_the_same_values() -> None:
    """In some order."""
    assert sorted(values("shuffle(range(0.1,0.4,0.1))")) == ["0.1", "0.2", "0.3"]


@pytest.mark.parametrize("text", ["range(1,2,0)", "range(0.1,1,0.0)", "range(0,inf,0.5)", "range(nan,1,0.5)"])
def test_ranges_without_an_end_are_refused(text: str) -> None:
    """A step of 0 and infinite bounds are bad input."""
    with pytest.raises(UsageError, match="learning_rate: must be a list of values"):
        plan([f"learning_rate={text}"], multirun=True)


@pytest.mark.parametrize("seed", [10**15 + 1, 2**53 + 1, 2**63, 2**64 + 1, 10**400])
def test_seeds_that_others_cannot_read_are_refused(seed: int) -> None:
    """The limit is named."""
    with pytest.raises(UsageError, match=r"seed: must be a whole number from 0 to 1,000,000,000,000,000"):
        plan([f"seed={seed}"], multirun=False)


def test_the_largest_seed() -> None:
    """It is exact."""
    [job] = plan([f"seed={10**15}"], multirun=False).jobs
    assert job.config.seed == 10**15


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "[1,nan]", "{a:{b:inf}}", "1e999"])
@pytest.mark.parametrize("key", ["env.kwargs.x", "env.reset_options.x"])
def test_arguments_that_are_no_finite_numbers_are_refused(key: str, value: str) -> None:
    """They cannot be recorded as JSON; the remedy says how a word is written."""
    with pytest.raises(UsageError, match=rf"{key}.*: must be a finite number.*in quotes"):
        plan(["env.id=FrozenLake-v1", f"{key}={value}"], multirun=False)


@pytest.mark.parametrize("depth", [200, 400, 3000])
@pytest.mark.parametrize("key", ["env.kwargs.x", "tracking.note", "buckets"])
def test_lists_in_lists_in_lists_are_refused(key: str, depth: int) -> None:
    """A value that no record can hold is bad input, at whichever depth one of the parsers gives up."""
    with pytest.raises(UsageError, match=r"nest it less|recursion"):
        plan([f"{key}={'[' * depth}{']' * depth}"], multirun=False)


@pytest.mark.parametrize(
    "line", ["tracking.note='\udcff'", "env.kwargs.x='\udcff'", "\udcff=1", "runs\udcff"]
)
def test_bytes_that_are_no_text_are_refused(line: str) -> None:
    """They come from a shell in another encoding, and could neither be printed nor recorded."""
    with pytest.raises(UsageError, match=r"must be written KEY=VALUE"):
        plan([line], multirun=False)


def test_half_a_character_is_refused() -> None:
    """YAML can write one; JSON cannot hold it."""
    _, [problem] = parse({"tracking": {"note": "\ud800"}})
    assert (problem.key, "half a character" in problem.remedy) == ("tracking.note", True)


def test_a_word_may_look_like_no_number() -> None:
    """In quotes it is a word."""
    [job] = plan(["env.id=FrozenLake-v1", "env.reset_options.x='nan'"], multirun=False).jobs
    assert job.config.env.reset_options == {"x": "nan"}
