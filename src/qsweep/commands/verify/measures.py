"""The measures of one training run that publications use; episodes count from 1."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np

from qsweep import seeds
from qsweep.config import Config
from qsweep.environments.description import make
from qsweep.environments.resolved import Resolved, Setting
from qsweep.learning.training import train
from qsweep.policies.evaluation.exact import ExactEvaluation, exact_evaluation
from qsweep.policies.evaluation.rollouts import roll_out
from qsweep.policies.optimum import optimum

LONGEST = 10_000
"""Largest number of steps of a greedy episode."""
SAMPLES = 5000
"""Greedy episodes per run that an exact return is compared with."""


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


def greedy_return(config: Config, steps: int = LONGEST) -> float:
    """Return the exact expected return of the last Q-table's greedy policy within a number of steps.

    The environment has transition tables; its own step limit is ignored.
    """
    *_, last = train(config)
    resolved = Resolved.of(config)
    longer = dataclasses.replace(resolved, env=dataclasses.replace(config.env, max_steps=steps))
    return _exact(longer).of(last.q_table)


def exact_minus_sampled(config: Config) -> float:
    """Return the exact expected return of the last Q-table minus the mean of `SAMPLES` greedy episodes."""
    *_, last = train(config)
    resolved = Resolved.of(config)
    sampled = roll_out(resolved, last.q_table, seeds.play(SAMPLES, config.seed * SAMPLES)).returns.mean()
    return _exact(resolved).of(last.q_table) - float(sampled)


def exact_minus_occupancy(config: Config) -> float:
    """Return the exact expected return of the last Q-table minus the same by another formulation.

    The other one follows the distribution over states forward in time, over the environment's own `P`:
    the expected return is the sum over steps of the probability of each state times its expected reward.
    Exact returns are computed backward, from values. Greedy ties go to the first action.
    """
    *_, last = train(config)
    resolved = Resolved.of(config)
    env: Any = make(config.env).unwrapped
    actions = last.q_table.reshape(len(env.initial_state_distrib), -1).argmax(axis=1)
    following, reward = np.zeros((len(actions),) * 2), np.zeros(len(actions))
    for state, action in enumerate(actions.tolist()):
        for chance, after, earned, terminated in env.P[state][action]:
            following[state, after] += 0.0 if terminated else chance
            reward[state] += chance * earned
    probability, total = np.asarray(env.initial_state_distrib, np.float64), 0.0
    for _ in range(resolved.max_steps):
        total += float(probability @ reward)
        probability = probability @ following
    return _exact(resolved).of(last.q_table) - total


def _exact(setting: Setting) -> ExactEvaluation:
    found = exact_evaluation(setting)
    assert found is not None
    return found
