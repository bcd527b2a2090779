"""The example that shows Q-learning's maximization bias."""

from __future__ import annotations

from statistics import NormalDist

from qsweep.environments.textbook.table_environment import Outcome, Outcomes, TableEnvironment

LEFT_END, B, A, RIGHT_END = range(4)
PICTURE = ("T.ST",)
MANY = 10
"""Number of actions in B; the book says "many", and ten reproduce its figure."""
VALUES = 200
"""Number of equally likely rewards that approximate the normal distribution."""


def _rewards(mean: float) -> list[Outcome]:
    """Return the outcomes that end an episode, their rewards quantiles of a normal with variance 1."""
    quantiles = [NormalDist().inv_cdf((n + 0.5) / VALUES) for n in range(VALUES)]
    sd = (sum(x * x for x in quantiles) / VALUES) ** 0.5
    return [(1 / VALUES, LEFT_END, mean + x / sd, True) for x in quantiles]


class MaximizationBias(TableEnvironment):
    """A choice between an end and a state of noisy bad actions (Sutton and Barto 2018, Example 6.7).

    Observation: 0 the left end, 1 B, 2 A, where an episode starts, 3 the right end. Actions in A: 0 left to
    B, 1 right to the end, both with reward 0. Actions in B: ten, which all end the episode with a reward
    drawn from a normal distribution of mean -0.1 and variance 1 (from `VALUES` of its quantiles, so that
    there is a `P`). An episode of two steps therefore chose left.

    actions_in: the number of actions in each state, the first ones. An agent that ignores it finds that
    even actions in A lead left and odd ones right.
    """

    def __init__(self, render_mode: str | None = None) -> None:
        ending = _rewards(-0.1)
        choices: list[list[Outcome]] = [[(1.0, B, 0.0, False)], [(1.0, RIGHT_END, 0.0, True)]]
        p: Outcomes = {
            LEFT_END: {action: [(1.0, LEFT_END, 0.0, True)] for action in range(MANY)},
            B: dict.fromkeys(range(MANY), ending),
            A: {action: choices[action % 2] for action in range(MANY)},
            RIGHT_END: {action: [(1.0, RIGHT_END, 0.0, True)] for action in range(MANY)},
        }
        super().__init__(p, PICTURE, render_mode)
        self.actions_in = (MANY, MANY, len(choices), MANY)
