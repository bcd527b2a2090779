"""What one training run is worth, by the measures that publications use; episodes count from 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from qsweep.config import Config
from qsweep.environments.description import make
from qsweep.learning.training import train
from qsweep.policies.optimum import optimum

LEFT = 1e-12
"""A greedy walk is over when it is still going on with less than this probability."""
LONGEST = 10_000
"""Steps of a greedy walk, at most."""


def mean_return(config: Config, first: int, last: int) -> float:
    """The mean return of the episodes `first` to `last` while learning."""
    returns = np.concatenate([chunk.returns for chunk in train(config)])
    return float(returns[first - 1 : last].mean())


def mean_length(config: Config, first: int, last: int) -> float:
    """The mean number of steps in the episodes `first` to `last` while learning."""
    lengths = np.concatenate([chunk.lengths for chunk in train(config)])
    return float(lengths[first - 1 : last].mean())


def share_of_left(config: Config, first: int, last: int) -> float:
    """In the maximization bias: the share of the episodes `first` to `last` that went left, by two steps."""
    return mean_length(config, first, last) - 1


def prediction_error(config: Config) -> float:
    """In the random walk: the error of the values after each episode, root of the mean square, averaged.

    The config must make a checkpoint after every episode.
    """
    env: Any = make(config.env).unwrapped
    errors = [chunk.q_table[1:-1, 0] - env.true_values[1:-1] for chunk in train(config)]
    return float(np.sqrt(np.mean(np.square(errors), axis=1)).mean())


def best_return(config: Config) -> float:
    """The optimum of the environment; nothing is trained."""
    found = optimum(config.env)
    assert found is not None
    return found


def greedy_return(config: Config) -> float:
    """The exact expected return of the last Q-table's greedy policy in an environment with a `P`.

    The step limit does not count; a policy that does not end has what it earned in `LONGEST` steps.
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
    """The probabilities of going on [states, states] and the expected rewards [states] of a policy."""
    going, reward = np.zeros((len(policy), len(policy))), np.zeros(len(policy))
    for state, action in enumerate(policy):
        for chance, after, earned, terminated in p[state][action]:
            reward[state] += chance * earned
            going[state, after] += 0.0 if terminated else chance
    return going, reward
