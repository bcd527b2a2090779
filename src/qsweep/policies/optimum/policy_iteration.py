"""The best return of a finite Markov decision process without a step limit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse  # type: ignore[import-untyped]
from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]
from scipy.sparse.linalg import spsolve  # type: ignore[import-untyped]

from qsweep.policies.optimum.tables import ERROR, Tables, Values

Actions = npt.NDArray[np.int64]
"""The action of a policy in every state: [states]."""

ROUNDS = 100
"""Limit on the rounds of policy iteration; far fewer are needed."""
TIE = 1e-14
"""Actions whose values differ by less than this, relative to the largest, count as equal."""


def best_without_limit(tables: Tables, discount: float = 1.0) -> Values | None:
    """Return the best expected sum of rewards, discounted if `discount` < 1, from every state: [states].

    It is the limit of the optimum within n steps. Value iteration from zero finds a policy, and policy
    iteration with exact evaluation takes it to the limit (Sutton and Barto 2018, sections 4.3 and
    4.4); Bellman's equation then holds to a relative 1e-12. None if some state has no finite limit, for
    example because rewards of -1 never end, or if finding it takes more than `tables.WORK`.
    """
    values = np.zeros(len(tables.start))
    policy = np.zeros(len(tables.start), np.int64)
    sweeps, left = len(values), tables.affordable_sweeps()
    while left > 0:
        for _ in range(min(sweeps, left)):
            pairs = tables.action_values(values, discount)
            policy, values = _improved(policy, pairs), pairs.max(axis=0)
        found = _iterated(tables, policy, discount)
        if found is not None:
            return found
        left -= sweeps
        sweeps *= 2
    return None


def _improved(policy: Actions, pairs: Values) -> Actions:
    """Return the greedy policy; an action is replaced only by one that is better by more than rounding.

    One of several equal actions may never end, such as bumping into a wall if only the goal is rewarded.
    """
    gain = pairs.max(axis=0) - pairs[policy, np.arange(len(policy))]
    better = gain > TIE * max(1.0, np.abs(pairs).max())
    return np.where(better, pairs.argmax(axis=0), policy)


def _iterated(tables: Tables, policy: Actions, discount: float) -> Values | None:
    """Run policy iteration from `policy`; return its values, or None if those of a policy are infinite."""
    before = np.full(len(policy), -np.inf)
    for _ in range(ROUNDS):
        values = _evaluated(tables, policy, discount)
        if values is None:
            return None
        pairs = tables.action_values(values, discount)
        rounding = ERROR * max(1.0, np.abs(values).max())
        if max(np.max(values - before), np.max(pairs.max(axis=0) - values)) <= rounding:
            return values
        before, policy = values, _improved(policy, pairs)
    return None


def _evaluated(tables: Tables, policy: Actions, discount: float) -> Values | None:
    """Return the values of a policy, [states], by solving Bellman's equations; None if they are infinite."""
    states = np.arange(len(policy))
    steps, reward = tables.going[policy * len(policy) + states], tables.reward[policy, states]
    if discount == 1:
        trapped = _trapped(steps)
        if np.any(reward[trapped]):
            return None
        steps = sparse.diags_array(np.where(trapped, 0.0, 1.0)) @ steps  # their value is 0
    system = sparse.eye_array(len(policy)) - discount * steps
    return np.atleast_1d(spsolve(system.tocsc(), reward))


def _trapped(steps: Any) -> npt.NDArray[np.bool_]:
    """Return bool[states]: the states in a closed class of the chain `steps` [states, states]."""
    edges = steps.tocoo()
    edges.eliminate_zeros()
    _, label = connected_components(edges, directed=True, connection="strong")
    leaves = np.zeros(label.max() + 1, bool)
    leaves[label[edges.row[label[edges.row] != label[edges.col]]]] = True
    leaves[label[steps.sum(axis=1) < 1 - ERROR]] = True
    trapped: npt.NDArray[np.bool_] = ~leaves[label]
    return trapped
