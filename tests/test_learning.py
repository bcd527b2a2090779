from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qsweep.learning import q_learning

values = st.floats(-1e3, 1e3)
fractions = st.floats(0.0, 1.0)


@pytest.mark.parametrize(
    ("q", "alpha", "r", "gamma", "q_next", "expected"),
    [
        (-2.0, 0.1, -1.0, 0.95, -1.5, -2.0425),  # target -2.425, error -0.425
        (0.0, 0.5, 1.0, 0.9, 2.0, 1.4),  # target 2.8, error 2.8
        (1.0, 0.25, 0.0, 1.0, 1.0, 1.0),  # target 1: nothing to learn
        (10.0, 0.5, 0.0, 0.0, 100.0, 5.0),  # no future counts
    ],
)
def test_one_update_is_what_pencil_and_paper_give(
    q: float, alpha: float, r: float, gamma: float, q_next: float, expected: float
) -> None:
    """The value moves by alpha times the TD error."""
    assert q_learning(q, alpha, r, gamma, q_next) == pytest.approx(expected, abs=1e-15)


@settings(deadline=None)
@given(values, fractions, values, values)
def test_after_termination_only_the_reward_counts(q: float, alpha: float, r: float, q_next: float) -> None:
    """With discount 0 the next state's value changes nothing."""
    assert q_learning(q, alpha, r, 0.0, q_next) == q_learning(q, alpha, r, 0.0, 0.0)


@settings(deadline=None)
@given(values, fractions, values, fractions, values)
def test_the_value_moves_towards_the_target(
    q: float, alpha: float, r: float, gamma: float, q_next: float
) -> None:
    """The new value lies between the old one and r + gamma * max Q(s', a'), as the tutorial weighs them."""
    target = r + gamma * q_next
    found = q_learning(q, alpha, r, gamma, q_next)
    assert found == pytest.approx((1 - alpha) * q + alpha * target, abs=1e-9)
    assert min(q, target) - 1e-9 <= found <= max(q, target) + 1e-9


@settings(deadline=None)
@given(values, values, fractions, values)
def test_a_step_of_zero_learns_nothing(q: float, r: float, gamma: float, q_next: float) -> None:
    """With alpha 0 the value stays, whatever is seen."""
    assert q_learning(q, 0.0, r, gamma, q_next) == q
