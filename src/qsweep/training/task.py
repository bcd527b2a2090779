"""A resolved config as the engines need it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from qsweep import schedules
from qsweep.config import Config, Env, Epsilon, as_episode
from qsweep.discretizer import Grid
from qsweep.environments import describe, grid, make
from qsweep.seeds import streams

Schedule = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Task:
    """What is to be learned, and how.

    q_table: the first one, float64[buckets..., actions]. epsilon: episodes [n] -> float64[n].
    make: the Gymnasium environment; encode: its observation -> one number per dimension.
    """

    env: Env
    make: Callable[[], Any]
    encode: Callable[[Any], list[float]]
    grid: Grid
    actions: int
    first_action: int
    max_steps: int
    q_table: npt.NDArray[np.float64]
    epsilon: Schedule
    learning_rate: float
    discount: float
    terminal_rule: Literal["standard", "tutorial"]
    episodes: int
    checkpoint_every: int
    environment_seed: int
    exploration_key: int


def schedule(epsilon: Epsilon, episodes: int) -> Schedule:
    """The exploration schedule of a checked config."""
    if epsilon.end is None or epsilon.decay_start is None or epsilon.decay_end is None:
        return partial(schedules.constant, start=epsilon.start)
    decay = {"linear": schedules.linear, "exponential": schedules.exponential}[epsilon.schedule]
    return partial(
        decay,
        start=epsilon.start,
        end=epsilon.end,
        decay_start=as_episode(epsilon.decay_start, episodes),
        decay_end=as_episode(epsilon.decay_end, episodes),
    )


def grid_of(config: Config) -> Grid:
    """The grid that the Q-table of a resolved config lies on."""
    cells, problems = grid(config.env, config.buckets, describe(config.env))
    assert cells is not None, problems
    return cells


def task(config: Config) -> Task:
    """The task of a resolved config.

    Raises UsageError where the environment cannot be made or the config does not suit it.
    """
    found = describe(config.env)
    cells = grid_of(config)
    assert config.env.max_steps is not None
    random = streams(config.seed)
    shape = (*cells.buckets, found.actions)
    return Task(
        env=config.env,
        make=partial(make, config.env, config.env.max_steps),
        encode=found.encode,
        grid=cells,
        actions=found.actions,
        first_action=found.first_action,
        max_steps=config.env.max_steps,
        q_table=random.table.uniform(config.initial_q.low, config.initial_q.high, size=shape),
        epsilon=schedule(config.epsilon, config.episodes),
        learning_rate=config.learning_rate,
        discount=config.discount,
        terminal_rule=config.terminal_rule,
        episodes=config.episodes,
        checkpoint_every=config.checkpoint_every,
        environment_seed=random.environment,
        exploration_key=random.exploration,
    )
