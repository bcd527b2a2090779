"""A finite Markov decision process as arrays, and the best return within a number of steps.

It is read from the `P` of Gymnasium's toy-text environments: P[state][action] is a list of
outcomes (probability, next state, reward, terminated).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

WORK = 2e9
"""Multiplications before giving up: about five seconds on one core."""
OVERHEAD = 20_000
"""Fixed cost of a sweep over all states, in multiplications."""
ERROR = 1e-12
"""Largest error of a value, in units of return."""


@dataclass(frozen=True)
class Tables:
    """Transitions and rewards of the states that can be reached from the start, numbered from 0.

    going: sparse float64[actions * states, states], row a * states + s the probabilities of continuing
    from s in each state after action a; the rest to 1 is the probability of terminating.
    reward: float64[actions, states], expected. start: float64[states], sums to 1.
    """

    going: Any
    reward: Values
    start: Values

    def action_values(self, values: Values) -> Values:
        """Return the expected reward plus the `values` [states] of the next state: [actions, states].

        The bracket of the Bellman optimality equation (Sutton and Barto 2018, equation 4.2).
        """
        later: Values = self.going @ values
        return self.reward + later.reshape(self.reward.shape)

    def same(self, other: Tables) -> bool:
        """Return whether all numbers of both are equal."""
        return (
            np.array_equal(self.start, other.start)
            and np.array_equal(self.reward, other.reward)
            and (self.going != other.going).nnz == 0
        )


def read(p: Any, start: Any, actions: Sequence[int]) -> Tables | None:
    """Return tables from a `P`, the start distribution float[states], and the names of the actions.

    States are the indices of `start`. None if `p` has another form, or if, among the reachable states,
    some probabilities are no distribution or some reward is not finite.
    """
    try:
        return _walked(p, np.asarray(start, np.float64), actions)
    except (KeyError, IndexError, TypeError, ValueError):
        return None  # not the form described above


def _walked(p: Any, start: Values, actions: Sequence[int]) -> Tables | None:
    found: list[int] = np.flatnonzero(start).tolist()
    number = {state: place for place, state in enumerate(found)}
    outcomes = []  # (action, state, chance, reward, whether the episode continues, next state)
    for place, state in enumerate(found):  # `found` grows in the loop
        for choice, action in enumerate(actions):
            for chance, after, reward, terminated in p[state][action]:
                goes_on = chance > 0 and not terminated
                if goes_on and after not in number:
                    number[after] = len(found)
                    found.append(after)
                next_place = number[after] if goes_on else 0
                outcomes.append((choice, place, float(chance), float(reward), goes_on, next_place))
    starts = np.zeros(len(found))
    starts[: np.count_nonzero(start)] = start[start != 0]
    return _tables(outcomes, starts, len(actions))


def _tables(outcomes: list[tuple[Any, ...]], start: Values, actions: int) -> Tables | None:
    from scipy import sparse  # type: ignore[import-untyped]  # slow to import, and not always needed

    action, state, chance, reward, goes_on, after = (
        np.array(column) for column in zip(*outcomes, strict=True)
    )
    states = len(start)
    total, expected = np.zeros((actions, states)), np.zeros((actions, states))
    np.add.at(total, (action, state), chance)
    np.add.at(expected, (action, state), chance * reward)
    distributions = chance.min() >= 0 and start.min() >= 0 and _is_one(total) and _is_one(start.sum())
    if not distributions or not np.all(np.isfinite(expected)):
        return None
    on = (chance[goes_on], (action * states + state)[goes_on], after[goes_on])
    going = sparse.coo_array((on[0], on[1:]), shape=(actions * states, states))
    return Tables(sparse.csr_array(going), expected, start)


def _is_one(sums: Any) -> bool:
    return np.allclose(sums, 1, rtol=0, atol=1e-6)


def best_within(tables: Tables, steps: int) -> Values | None:
    """Return the best expected sum of rewards within `steps` steps, from every state: float64[states].

    Value iteration from zero (Sutton and Barto 2018, section 4.4; Bellman 1957): sweep n gives the
    optimum with n steps to go, whose policy may depend on the steps left. The largest change of a sweep
    never grows, so the sweeps stop when the remaining ones could not change a value by `ERROR`.
    None if that takes more than `WORK`.
    """
    values = np.zeros(len(tables.start))
    affordable = WORK / (tables.going.nnz + tables.reward.size + OVERHEAD)
    for done in range(1, steps + 1):
        if done > affordable:
            return None
        before, values = values, tables.action_values(values).max(axis=0)
        if (steps - done) * np.abs(values - before).max() < ERROR:
            break
    return values


def return_within(tables: Tables, steps: int) -> float | None:
    """Return the best expected sum of rewards within `steps` steps of a start; None as `best_within`."""
    values = best_within(tables, steps)
    return None if values is None else float(tables.start @ values)
