"""Limits of what training may compute: returns and Q-values are finite, and their squares, too."""

from __future__ import annotations

import numpy as np

from qsweep.environments.failures import EnvironmentFailure, failure
from qsweep.environments.guarded import MOST, REWARD
from qsweep.environments.resolved import Resolved
from qsweep.system.arrays import Floats

MOST_Q = 1e150
"""The largest Q-value: bounded rewards reach it only if learning diverges."""
FEW = 10_000
"""The number of values up to which a dot product starts no threads."""


def step_of(episode: int, step: int) -> str:
    """Return the place of a step in training, in words."""
    return f"in episode {episode} (the first is 0), at step {step}"


def is_good(run: Resolved, returns: Floats, q: Floats) -> bool:
    """Return whether returns and Q-values are finite and not too large."""
    return bool((np.abs(returns) <= MOST).all()) and is_good_table(run, q)


def is_good_table(run: Resolved, q: Floats) -> bool:
    """Return whether Q-values are finite and not too large."""
    flat = q.reshape(-1)
    if q.size <= FEW and np.dot(flat, flat) <= MOST_Q**2:  # a fourth of the time of the rest
        return True
    if not np.maximum.reduce(q, axis=None) <= MOST_Q:
        return False
    if np.minimum.reduce(q, axis=None) >= -MOST_Q:
        return True
    # -inf marks the actions that a state does not have
    return run.description.available is not None and bool(((q >= -MOST_Q) | (q == -np.inf)).all())


def divergence(run: Resolved) -> EnvironmentFailure:
    """Return the failure of a run one of whose Q-values is not finite, or too large."""
    what = f"gave rewards from which a Q-value beyond {MOST_Q:g} was learned"
    return failure(run.env.id, "step", what, f"{REWARD}; learning may also diverge: lower learning_rate")


def bad_return(run: Resolved, total: float) -> EnvironmentFailure:
    """Return the failure of a run one of whose returns is not finite, or too large."""
    if np.isnan(total):
        return failure(run.env.id, "step", "gave a reward or an observation that is not a number", REWARD)
    return failure(run.env.id, "step", f"gave rewards whose sum is {total:g}", REWARD)
