"""The random walk on which prediction methods are compared."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qsweep.environments.textbook.table_environment import Outcomes, TableEnvironment


class RandomWalk(TableEnvironment):
    """A walk to the left or right with equal probability until an end (Sutton and Barto 2018, Example 7.1).

    Observation: 0 the left end, 1 to `states` the states between, `states` + 1 the right end; the walk
    starts in the middle. There is one action only, so that a control method becomes a prediction method:
    its Q-table is the value function. Reward: `left` or `right` on reaching an end, otherwise 0. Example 6.2
    is states=5, left=0. Raises ValueError unless `states` is odd.
    """

    def __init__(
        self, states: int = 19, left: float = -1.0, right: float = 1.0, render_mode: str | None = None
    ) -> None:
        if states < 1 or states % 2 == 0:
            raise ValueError(
                f"states must be odd and at least 1, so that the walk has a middle; given {states}"
            )
        ends = {0: float(left), states + 1: float(right)}
        p: Outcomes = {end: {0: [(1.0, end, 0.0, True)]} for end in ends}
        for state in range(1, states + 1):
            sides = (state - 1, state + 1)
            p[state] = {0: [(0.5, side, ends.get(side, 0.0), side in ends) for side in sides]}
        middle = (states + 1) // 2
        row = "T" + "." * (middle - 1) + "S" + "." * (states - middle) + "T"
        super().__init__(p, (row,), render_mode)
        self.true_values: npt.NDArray[np.float64] = np.zeros(states + 2)
        """The expected return from every state, float64[states + 2]; 0 at the ends."""
        self.true_values[1:-1] = left + (right - left) * np.arange(1, states + 1) / (states + 1)
