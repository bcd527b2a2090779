from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qsweep.learning.schedules import exponential, linear
from qsweep.system.arrays import Floats

Decay = Callable[..., Floats]

quick = settings(deadline=None)

starts = st.floats(0.01, 2.0)
fractions = st.floats(0.001, 1.0)
episodes = st.integers(0, 400)


def tutorials_own(n: int, start: float, decay_start: int, decay_end: int) -> Floats:
    """Return epsilon by episode as the tutorial's loop computes it, with a constant step."""
    epsilon, step = start, start / (decay_end - decay_start)
    used = np.empty(n)
    for episode in range(n):
        used[episode] = max(epsilon, 0.0)
        if decay_start <= episode <= decay_end:
            epsilon -= step
    return used


def test_linear_by_hand() -> None:
    """From 1 at episode 1 to 0 at episode 5, epsilon decays by 1/4 per episode, constant outside."""
    found = linear(np.arange(8), start=1.0, end=0.0, decay_start=1, decay_end=5)
    assert found.tolist() == [1.0, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0, 0.0]


def test_linear_may_start_above_one() -> None:
    """A start of 1.5 decays by the same amount every episode and is not clipped at 1."""
    found = linear(np.arange(5), start=1.5, end=0.0, decay_start=0, decay_end=3)
    np.testing.assert_allclose(found, [1.5, 1.0, 0.5, 0.0, 0.0], rtol=0, atol=1e-15)


def test_linear_stays_at_its_end() -> None:
    """From 0.5 at episode 0 to 0.25 at episode 2, then 0.25 in all later episodes."""
    found = linear(np.array([0, 1, 2, 10**9]), start=0.5, end=0.25, decay_start=0, decay_end=2)
    assert found.tolist() == [0.5, 0.375, 0.25, 0.25]


def test_exponential_decays_by_one_factor() -> None:
    """From 1 at episode 1 to 0.01 at episode 3, epsilon decays by a factor of 1/10, constant outside."""
    found = exponential(np.arange(6), start=1.0, end=0.01, decay_start=1, decay_end=3)
    np.testing.assert_allclose(found, [1.0, 1.0, 0.1, 0.01, 0.01, 0.01], rtol=1e-15)


def test_exponential_may_start_above_one() -> None:
    """From 1.5 to 0.375 in two episodes, epsilon decays by a factor of 1/2 per episode."""
    found = exponential(np.arange(4), start=1.5, end=0.375, decay_start=0, decay_end=2)
    np.testing.assert_allclose(found, [1.5, 0.75, 0.375, 0.375], rtol=1e-15)


@pytest.mark.parametrize("decay", [linear, exponential])
def test_a_decay_of_no_length_is_a_step(decay: Decay) -> None:
    """If decay_start equals decay_end, epsilon is `start` up to that episode and `end` from the next on."""
    found = decay(np.arange(5), start=1.0, end=0.25, decay_start=2, decay_end=2)
    assert found.tolist() == [1.0, 1.0, 1.0, 0.25, 0.25]


@quick
@given(st.sampled_from([linear, exponential]), starts, fractions, episodes, episodes, st.integers(1, 500))
def test_epsilon_never_rises_and_keeps_its_bounds(
    decay: Decay, start: float, part: float, first: int, length: int, n: int
) -> None:
    """Epsilon never increases from episode to episode, and lies in [end, start]."""
    end = start * part
    found = decay(np.arange(n), start=start, end=end, decay_start=first, decay_end=first + length)
    assert (np.diff(found) <= 1e-15).all()
    assert found.min() >= end - 1e-15
    assert found.max() <= start + 1e-15


@quick
@given(st.sampled_from([linear, exponential]), starts, fractions, episodes, st.integers(1, 400))
def test_epsilon_is_constant_outside_the_decay(
    decay: Decay, start: float, part: float, first: int, length: int
) -> None:
    """Epsilon is exactly `start` up to decay_start, and exactly `end` from decay_end on."""
    end, last = start * part, first + length
    found = decay(np.arange(last + 10), start=start, end=end, decay_start=first, decay_end=last)
    assert (found[: first + 1] == start).all()
    assert (found[last:] == end).all()


@quick
@given(st.sampled_from([linear, exponential]), starts, fractions, st.lists(st.integers(0, 300), max_size=5))
def test_epsilon_depends_on_the_episode_alone(
    decay: Decay, start: float, part: float, cuts: list[int]
) -> None:
    """Epsilon computed in any blocks is the same bit for bit, because engines use different blocks."""
    rule = {"start": start, "end": start * part, "decay_start": 7, "decay_end": 270}
    blocks = np.split(np.arange(300), sorted(cuts))
    joined = np.concatenate([decay(block, **rule) for block in blocks])
    assert joined.tobytes() == decay(np.arange(300), **rule).tobytes()


@quick
@given(st.floats(0.0, 2.0), episodes, st.integers(1, 400), st.integers(1, 1000))
def test_linear_is_the_tutorials_own_schedule(start: float, first: int, length: int, n: int) -> None:
    """Linear decay equals the tutorial's subtraction of a constant from decay_start to decay_end."""
    found = linear(np.arange(n), start=start, end=0.0, decay_start=first, decay_end=first + length)
    expected = tutorials_own(n, start, first, first + length)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
