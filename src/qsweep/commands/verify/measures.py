"""The measures of one training run that publications use; episodes count from 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from qsweep.config import Config
from qsweep.environments.description import make
from qsweep.learning.training import train
from qsweep.policies.optimum import optimum

LEFT = 1e-12
"""Probability of an unfinished episode below which it counts as finished."""
LONGEST = 10_000
"""Largest number of steps of a greedy episode."""


def mean_return(config: Config, first: int, last: int) -> float:
    """Return the mean return of the training episodes `first` to `last`."""
    returns = np.concatenate([chunk.returns for chunk in train(config)])
    return float(returns[first - 1 : last].mean())


def mean_length(config: Config, first: int, last: int) -> float:
    """Return the mean number of steps of the training episodes `first` to `last`."""
    lengths = np.concatenate([chunk.lengths for chunk in train(config)])
    return float(lengths[first - 1 : last].mean())


def share_of_left(config: Config, first: int, last: int) -> float:
    """Return the share of left in episodes `first` to `last` of MaximizationBias: left takes two steps."""
    return mean_length(config, first, last) - 1


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
    going, reward = _chain(env.P, last.q_table.argmax(axis=-1).tolist())
    here = np.array(env.initial_state_distrib, np.float64)
    total = 0.0
    for _ in range(LONGEST):
        total += float(here @ reward)
        here = here @ going
        if here.sum() < LEFT:
            break
    return total


def _chain(p: Any, policy: list[int]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return a policy's probabilities of continuing [states, states] and expected rewards [states]."""
    going, reward = np.zeros((len(policy), len(policy))), np.zeros(len(policy))
    for state, action in enumerate(policy):
        for chance, after, earned, terminated in p[state][action]:
            reward[state] += chance * earned
            going[state, after] += 0.0 if terminated else chance
    return going, reward
