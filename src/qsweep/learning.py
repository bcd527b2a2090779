"""The update rules, pure functions in textbook letters."""

from __future__ import annotations


def q_learning(q: float, alpha: float, r: float, gamma: float, q_next: float) -> float:
    """The new Q(s, a) after one step.

    q: Q(s, a). r: reward. gamma: discount, 0 where the episode terminated. q_next: max_a' Q(s', a').
    Watkins (1989); Sutton and Barto (2018), section 6.5, equation 6.8.
    """
    return q + alpha * (r + gamma * q_next - q)
