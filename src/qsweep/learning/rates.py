"""The rates of a run by episode: epsilon, the probability of a random action, and the learning rate."""

from __future__ import annotations

import numpy as np

from qsweep.config import Config, as_episode
from qsweep.environments.resolved import Resolved
from qsweep.learning.agent.agent import ALPHA, EPSILON
from qsweep.learning.schedules import exponential, linear
from qsweep.system.arrays import Floats, Ints


def epsilon(config: Config, episodes: Ints) -> Floats:
    """Return epsilon in episodes [n] of a checked config, float64[n]; it may be above 1."""
    given = config.epsilon
    if given.end is None or given.decay_start is None or given.decay_end is None:
        return np.full(len(episodes), given.start)
    decay = {"linear": linear, "exponential": exponential}[given.schedule]
    first, last = (as_episode(value, config.episodes) for value in (given.decay_start, given.decay_end))
    return decay(episodes, given.start, given.end, first, last)


def learning_rate(config: Config, episodes: Ints) -> Floats:
    """Return the learning rate in episodes [n], float64[n], without its decay by visits."""
    if config.learning_rate_schedule != "linear":
        return np.full(len(episodes), config.learning_rate)
    assert config.learning_rate_end is not None
    last = max(config.episodes - 1, 1)
    return linear(episodes, config.learning_rate, config.learning_rate_end, 0, last)


def rates_of(run: Resolved, episodes: Ints) -> Floats:
    """Return `Agent.rates` of episodes [n], float64[n, 2]: epsilon, at most 1, and a cell's step size."""
    rates = np.empty((len(episodes), 2))
    rates[:, EPSILON] = np.minimum(epsilon(run.config, episodes), 1.0)
    rates[:, ALPHA] = learning_rate(run.config, episodes) / run.grid.tilings
    return rates
