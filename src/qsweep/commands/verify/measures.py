"""The measures of one training run that publications use; episodes count from 1."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from qsweep.config import Config
from qsweep.environments.description import make
from qsweep.learning.training import train
from qsweep.policies.optimum import optimum
from qsweep.policies.optimum.tables import read, return_within

LONGEST = 10_000
"""Largest number of steps of a greedy episode."""


def mean(config: Config, of: Literal["returns", "lengths"], first: int, last: int) -> float:
    """Return the mean return, or number of steps, of the training episodes `first` to `last`."""
    values = np.concatenate([getattr(chunk, of) for chunk in train(config)])
    return float(values[first - 1 : last].mean())


def share_of_left(config: Config, first: int, last: int) -> float:
    """Return the share of left in episodes `first` to `last` of MaximizationBias: left takes two steps."""
    return mean(config, "lengths", first, last) - 1


def prediction_error(config: Config) -> float:
    """Return the root-mean-square error of RandomWalk's values, averaged over the episodes.

    The config must make a checkpoint after every episode.
    """
    env: Any = make(config.env).unwrapped
    errors = [chunk.q_table[1:-1, 0] - env.true_values[1:-1] for chunk in train(config)]
    return float(np.sqrt(np.mean(np.square(errors), axis=1)).mean())


def best_return(config: Config) -> float:
    """Return the optimum of the environment; nothing is trained."""
    found = optimum(config.env)
    assert found is not None
    return found


def greedy_return(config: Config) -> float:
    """Return the exact expected return of the last Q-table's greedy policy in an environment with a `P`.

    The environment's step limit is ignored; an episode has at most `LONGEST` steps.
    """
    *_, last = train(config)
    env: Any = make(config.env).unwrapped
    policy = enumerate(last.q_table.argmax(axis=-1).tolist())
    only_choice = {state: {0: env.P[state][action]} for state, action in policy}
    tables = read(only_choice, env.initial_state_distrib, (0,))
    assert tables is not None
    found = return_within(tables, LONGEST)
    assert found is not None
    return found
