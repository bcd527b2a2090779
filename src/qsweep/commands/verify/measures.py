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


def _exact(setting: Setting) -> ExactEvaluation:
    found = exact_evaluation(setting)
    assert found is not None
    return found
