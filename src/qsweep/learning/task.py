"""A resolved config as the engines need it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from qsweep.config import Config, Env, Epsilon, as_episode
from qsweep.environments.description import describe, make
from qsweep.environments.discretizer import grid_of
from qsweep.environments.grid import Grid
from qsweep.learning import schedules
from qsweep.seeds import streams

Schedule = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]]
Table = Callable[[int], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Task:
    """What is to be learned, and how.

    table: number, from 0 -> a first Q-table, float64[grid's shape..., actions]. epsilon, learning_rate:
    episodes [n] -> float64[n]. make: the Gymnasium environment; encode: its observation -> one number
    per dimension. available: how many of the actions there are in each cell, None: all.
    """

    env: Env
    make: Callable[[], Any]
    encode: Callable[[Any], list[float]]
    grid: Grid
    actions: int
    first_action: int
    available: tuple[int, ...] | None
    max_steps: int
    table: Table
    epsilon: Schedule
    learning_rate: Schedule
    config: Config
    environment_seed: int
    exploration_key: int

    @property
    def shape(self) -> tuple[int, ...]:
        """The Q-table's."""
        return (*self.grid.shape, self.actions)


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


def step_sizes(config: Config) -> Schedule:
    """The schedule of the learning rate, before any visits are counted."""
    if config.learning_rate_schedule != "linear":
        return partial(schedules.constant, start=config.learning_rate)
    assert config.learning_rate_end is not None
    return partial(
        schedules.linear,
        start=config.learning_rate,
        end=config.learning_rate_end,
        decay_start=0,
        decay_end=max(config.episodes - 1, 1),
    )


def first_table(config: Config, shape: tuple[int, ...], available: tuple[int, ...] | None) -> Table:
    """Draws Q-tables for the beginning: uniform, -inf for actions that a cell does not have.

    Most algorithms want but number 0. With tilings, the sum of a state's values lies between the bounds.
    """
    tilings = config.tilings or 1
    low, high = config.initial_q.low / tilings, config.initial_q.high / tilings

    def draw(number: int) -> npt.NDArray[np.float64]:
        tables = streams(config.seed).table.uniform(low, high, size=(number + 1, *shape))
        table: npt.NDArray[np.float64] = tables[number]
        if available:
            table[np.arange(shape[-1]) >= np.array(available)[:, None]] = -np.inf
        return table

    return draw


def task(config: Config) -> Task:
    """The task of a resolved config.

    Raises UsageError where the environment cannot be made or the config does not suit it.
    """
    found = describe(config.env)
    cells = grid_of(config)
    assert config.env.max_steps is not None
    random = streams(config.seed)
    return Task(
        env=config.env,
        make=partial(make, config.env, config.env.max_steps),
        encode=found.encode,
        grid=cells,
        actions=found.actions,
        first_action=found.first_action,
        available=found.available,
        max_steps=config.env.max_steps,
        table=first_table(config, (*cells.shape, found.actions), found.available),
        epsilon=schedule(config.epsilon, config.episodes),
        learning_rate=step_sizes(config),
        config=config,
        environment_seed=random.environment,
        exploration_key=random.exploration,
    )
