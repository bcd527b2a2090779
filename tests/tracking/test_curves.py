from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qsweep.system.arrays import Floats
from qsweep.tracking.curves import (
    AVERAGE,
    EPSILON,
    HIGH,
    LOW,
    Curves,
    LongWindow,
    Points,
    joined,
    logged_strides,
    stride_for,
    trailing,
)

quick = settings(deadline=None)

METRICS = ("train/return_avg", "train/return_min", "train/return_max", "train/epsilon")

returns = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=120).map(np.array)
windows = st.integers(1, 150)
limits = st.integers(0, 150)


def curves_of(values: Floats, window: int, max_points: int, cuts: list[int]) -> Points:
    """Return the points of a run whose episodes come in blocks cut at `cuts`; epsilon is episode / 1000."""
    curves = Curves(len(values), window, max_points)
    blocks = np.split(values, sorted(cuts))
    epsilons = np.split(np.arange(len(values)) / 1000, sorted(cuts))
    return joined([curves.add(*block) for block in zip(blocks, epsilons, strict=True)])


def naive(values: Floats, window: int) -> Iterator[tuple[float, float, float, float]]:
    """Yield average, minimum and maximum of the trailing window and epsilon, for every episode."""
    for episode in range(len(values)):
        seen = values[max(0, episode - window + 1) : episode + 1].tolist()
        yield sum(seen) / len(seen), min(seen), max(seen), episode / 1000


def columns(points: Points) -> npt.NDArray[np.float64]:
    return np.stack([points.values[metric] for metric in METRICS], axis=1)


def test_trailing_by_hand() -> None:
    """Windows of two values give their average, the lower and the higher one."""
    found = trailing(np.array([3.0, 1.0, 2.0, 8.0]), np.array([0, 1, 3]), window=2)
    assert [part.tolist() for part in found] == [[3.0, 2.0, 5.0], [3.0, 1.0, 2.0], [3.0, 3.0, 8.0]]


def test_trailing_of_no_points_is_empty() -> None:
    """A block without points gives empty arrays."""
    found = trailing(np.array([1.0, 2.0]), np.array([], np.int64), window=3)
    assert [part.tolist() for part in found] == [[], [], []]


@quick
@given(returns, windows)
def test_trailing_is_the_naive_loop(values: Floats, window: int) -> None:
    """Every episode has mean, min and max of the last `window` values, or of fewer near the start."""
    found = np.stack(trailing(values, np.arange(len(values)), window), axis=1)
    expected = np.array([point[:3] for point in naive(values, window)])
    np.testing.assert_allclose(found[:, 0], expected[:, 0], rtol=0, atol=1e-8)
    assert (found[:, 1:] == expected[:, 1:]).all()


@quick
@given(returns, windows, st.lists(st.integers(0, 120), max_size=4))
def test_a_long_window_is_the_naive_loop(values: Floats, window: int, cuts: list[int]) -> None:
    """In any blocks, every value has mean, min and max of the last `window` values."""
    stream = LongWindow(window)
    parts = [stream.add(block, np.arange(len(block))) for block in np.split(values, sorted(cuts))]
    found = np.concatenate([np.stack(part, axis=1) for part in parts])
    expected = np.array([point[:3] for point in naive(values, window)])
    np.testing.assert_allclose(found[:, 0], expected[:, 0], rtol=0, atol=1e-8)
    assert (found[:, 1:] == expected[:, 1:]).all()


def test_curves_with_a_long_window_are_those_of_its_definition() -> None:
    """A window long enough for the second algorithm gives the curves of the definition."""
    values = np.random.default_rng(0).normal(size=2000)
    found = curves_of(values, 300, 0, [7, 500, 1500])
    expected = np.array(list(naive(values, 300)))
    np.testing.assert_allclose(columns(found), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("episodes", "max_points", "stride"),
    [(25_000, 2500, 10), (25_001, 2500, 11), (2500, 2500, 1), (10, 2500, 1), (25_000, 0, 1), (7, 1, 7)],
)
def test_the_stride_by_hand(episodes: int, max_points: int, stride: int) -> None:
    """The stride is episodes / points, rounded up; 0 points stands for all."""
    assert stride_for(episodes, max_points) == stride


@quick
@given(st.integers(1, 10**9), st.integers(1, 10**5))
def test_a_stride_is_the_smallest_that_fits(episodes: int, max_points: int) -> None:
    """The stride keeps at most `max_points` episodes; the next smaller stride would keep more."""
    stride = stride_for(episodes, max_points)
    assert -(-episodes // stride) <= max_points
    assert stride == 1 or -(-episodes // (stride - 1)) > max_points


@quick
@given(returns, windows, limits, st.data())
def test_curves_are_the_naive_loop_in_any_blocks(
    values: Floats, window: int, max_points: int, data: st.DataObject
) -> None:
    """In any blocks, each point is the trailing window's value at its episode."""
    cuts = data.draw(st.lists(st.integers(0, len(values)), max_size=5))
    found = curves_of(values, window, max_points, cuts)
    expected = np.array(list(naive(values, window)))[found.episodes]
    np.testing.assert_allclose(columns(found)[:, 0], expected[:, 0], rtol=0, atol=1e-8)
    assert (columns(found)[:, 1:] == expected[:, 1:]).all()


@quick
@given(returns, windows, limits, st.data())
def test_blocks_do_not_change_the_points(
    values: Floats, window: int, max_points: int, data: st.DataObject
) -> None:
    """A run has the same points, bit for bit, in any blocks, empty ones included."""
    cuts = data.draw(st.lists(st.integers(0, len(values)), max_size=8))
    found, complete = (curves_of(values, window, max_points, places) for places in (cuts, []))
    assert found.episodes.tolist() == complete.episodes.tolist()
    assert columns(found).tobytes() == columns(complete).tobytes()


@quick
@given(returns, limits, st.data())
def test_points_are_few_even_and_end_with_the_run(
    values: Floats, max_points: int, data: st.DataObject
) -> None:
    """There are at most `max_points` (0: all) evenly spaced points, including the last episode."""
    cuts = data.draw(st.lists(st.integers(0, len(values)), max_size=5))
    episodes = curves_of(values, 10, max_points, cuts).episodes
    assert episodes[-1] == len(values) - 1
    assert len(episodes) <= (max_points or len(values))
    assert set(np.diff(episodes)) <= {stride_for(len(values), max_points)}
    if not max_points:
        assert episodes.tolist() == list(range(len(values)))


def test_downsampled_points_by_hand() -> None:
    """Seven episodes downsampled to three points give 0, 3 and 6, each with its block."""
    curves = Curves(episodes=7, window=2, max_points=3)
    blocks = [np.array([4.0, 6.0]), np.array([1.0]), np.array([5.0, 2.0, 3.0, 9.0])]
    found = [curves.add(block, np.zeros(len(block))) for block in blocks]
    assert [points.episodes.tolist() for points in found] == [[0], [], [3, 6]]
    assert [points.values["train/return_avg"].tolist() for points in found] == [[4.0], [], [3.0, 6.0]]


def test_joined_points_follow_one_another() -> None:
    """Parts are concatenated, in episodes and in every metric."""
    parts = [
        Points(np.array([0, 2]), {"a": np.array([1.0, 2.0]), "b": np.array([5.0, 6.0])}),
        Points(np.array([], np.int64), {"a": np.array([]), "b": np.array([])}),
        Points(np.array([4]), {"a": np.array([3.0]), "b": np.array([7.0])}),
    ]
    complete = joined(parts)
    assert complete.episodes.tolist() == [0, 2, 4]
    assert {name: values.tolist() for name, values in complete.values.items()} == {
        "a": [1.0, 2.0, 3.0],
        "b": [5.0, 6.0, 7.0],
    }


@pytest.mark.parametrize(
    ("episodes", "most", "window", "average", "extremes", "epsilon"),
    [
        (25_000, 2500, 100, 10, 100, 100),
        (25_000, 2500, 50, 10, 50, 100),  # else episodes between two windows would be in none
        (25_000, 2500, 5, 10, 10, 100),
        (250_000, 2500, 100, 100, 100, 1000),
        (233, 2500, 100, 1, 1, 1),
        (2500, 2500, 100, 1, 10, 10),
        (25_000, 0, 100, 1, 1, 1),
    ],
)
def test_strides_in_a_store(
    episodes: int, most: int, window: int, average: int, extremes: int, epsilon: int
) -> None:
    """Windows of minimum and maximum leave no episode out; each stride is a multiple of the one before."""
    strides = logged_strides(episodes, most, window)
    assert strides == {AVERAGE: average, LOW: extremes, HIGH: extremes, EPSILON: epsilon}
    assert epsilon % extremes == extremes % average == 0


def test_what_a_store_gets_are_some_of_the_points() -> None:
    """Curves share their steps, and all include the last episode."""
    returns = np.random.default_rng(3).normal(size=25_000)
    curves = Curves(25_000, 100, 2500)
    points = [curves.add(part, part) for part in np.split(returns, [700, 9000])]
    stored = [part for each in points for part in curves.logged(each)]
    for name, stride in {AVERAGE: 10, LOW: 100, HIGH: 100, EPSILON: 100}.items():
        of_name = [part for part in stored if name in part.values]
        steps = np.concatenate([part.episodes for part in of_name])
        assert steps.tolist() == [*range(stride - 1, 25_000, stride)]
        every = np.concatenate([each.values[name] for each in points])
        kept = np.concatenate([part.values[name] for part in of_name])
        assert kept.tolist() == every[stride // 10 - 1 :: stride // 10].tolist()
