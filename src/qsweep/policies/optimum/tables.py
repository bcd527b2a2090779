"""A finite Markov decision process as arrays, and the returns of policies within a number of steps.

It is read from the `P` of Gymnasium's toy-text environments: P[state][action] is a list of
outcomes (probability, next state, reward, terminated).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

WORK = 2e9
"""Multiplications before giving up: about five seconds on one core."""
OVERHEAD = 20_000
"""Fixed cost of a sweep over all states, in multiplications."""
DENSE = 25
"""Multiplications of dense matrices in the time of a sparse one."""
ERROR = 1e-12
"""Largest error of a value, in units of return."""


@dataclass(frozen=True)
class Tables:
    """Transitions and rewards of the states that can be reached from the start, numbered from 0.

    going: sparse float64[actions * states, states], row a * states + s the probabilities of continuing
    from s in each state after action a; the rest to 1 is the probability of terminating.
    reward: float64[actions, states], expected. start: float64[states], sums to 1. observations:
    float64[states, dimensions], what the agent sees in each state; several states may look alike.
    """

    going: Any
    reward: Values
    start: Values
    observations: Values

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


def read(
    p: Any, start: Any, actions: Sequence[int], observe: Callable[[int], Sequence[float]] | None = None
) -> Tables | None:
    """Return tables from a `P`, the start distribution float[states], and the names of the actions.

    States are the indices of `start`. observe: state -> its observation; by default the state's number.
    None if `p` has another form, or if, among the reachable states, some probabilities are no
    distribution or some reward is not finite.
    """
    try:
        return _walked(p, np.asarray(start, np.float64), actions, observe or _number)
    except (KeyError, IndexError, TypeError, ValueError):
        return None  # not the form described above


def _number(state: int) -> tuple[float]:
    return (float(state),)


def _walked(
    p: Any, start: Values, actions: Sequence[int], observe: Callable[[int], Sequence[float]]
) -> Tables | None:
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
    return _tables(outcomes, starts, np.array([observe(state) for state in found], np.float64), len(actions))


def _tables(
    outcomes: list[tuple[Any, ...]], start: Values, observations: Values, actions: int
) -> Tables | None:
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
    return Tables(sparse.csr_array(going), expected, start, observations)


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


def evaluation_work(tables: Tables, steps: int) -> float:
    """Return an upper bound on the work of `expected_return`, in multiplications as of `WORK`."""
    sweeps = float(steps * (tables.going.nnz + OVERHEAD))
    return min(_squaring_work(len(tables.start), steps), sweeps)


def _squaring_work(states: int, steps: int) -> float:
    return 2.0 * states**3 * steps.bit_length() / DENSE


def expected_return(tables: Tables, policy: Values, steps: int) -> float:
    """Return the expected sum of rewards within `steps` steps of a start under a fixed policy.

    policy: float64[actions, states], the probability of each action; a greedy one has ones and zeros.
    Policy evaluation of a finite horizon, undiscounted (Sutton and Barto 2018, section 4.1; Puterman 1994,
    section 4.2).
    """
    chosen = _averaging(policy)
    going, reward = chosen @ tables.going, chosen @ tables.reward.ravel()
    if _squaring_work(len(reward), steps) < steps * (going.nnz + OVERHEAD):
        values = _by_squaring(going.toarray(), reward, steps)
    else:
        values = _by_sweeps(going, reward, steps)
    return float(tables.start @ values)


def _averaging(policy: Values) -> Any:
    """Return a policy [actions, states] as the sparse matrix [states, actions * states] that averages."""
    from scipy import sparse

    action, state = policy.nonzero()
    shape = (policy.shape[1], policy.size)
    place = action * policy.shape[1] + state
    return sparse.csr_array((policy[action, state], (state, place)), shape=shape)


def _by_squaring(going: Values, reward: Values, steps: int) -> Values:
    """Return the values of `steps` steps as a power of one matrix: a step maps (v, 1) to (r + P v, 1)."""
    states = len(reward)
    step = np.zeros((states + 1, states + 1))
    step[:states, :states], step[:states, states], step[states, states] = going, reward, 1.0
    values: Values = np.linalg.matrix_power(step, steps)[:states, states]
    return values


def _by_sweeps(going: Any, reward: Values, steps: int) -> Values:
    """Return the values of `steps` steps, one sweep over all states per step.

    Sweeps end early when the remaining ones would all change the values alike, by `ERROR` in total: neither
    the change of a sweep nor the change of that change ever grows.
    """
    values, change = np.zeros(len(reward)), np.zeros(len(reward))
    for done in range(1, steps + 1):
        after = reward + going @ values
        before, change, values = change, after - values, after
        left = steps - done
        if left * (left + 1) / 2 * np.abs(change - before).max() < ERROR:
            values += left * change
            break
    return values


def return_within(tables: Tables, steps: int) -> float | None:
    """Return the best expected sum of rewards within `steps` steps of a start; None as `best_within`."""
    values = best_within(tables, steps)
    return None if values is None else float(tables.start @ values)
