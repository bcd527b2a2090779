"""The task of an engine: a resolved config with its schedules, initial Q-tables and seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from qsweep.config import Config, Epsilon, as_episode
from qsweep.environments.grid import Grid
from qsweep.environments.resolved import Resolved
from qsweep.learning import schedules
from qsweep.seeds import streams

Schedule = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]]
InitialTable = Callable[[int], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Task:
    """A learning problem and its schedules.

    table: index, from 0 -> an initial Q-table, float64[grid's shape..., actions]. epsilon, learning_rate:
    episodes [n] -> float64[n].
    """

    resolved: Resolved
    table: InitialTable
    epsilon: Schedule
    learning_rate: Schedule
    environment_seed: int
    exploration_key: int

    @property
    def config(self) -> Config:
        """The resolved config."""
        return self.resolved.config

    @property
    def grid(self) -> Grid:
        """The grid of the Q-table."""
        return self.resolved.grid

    @property
    def actions(self) -> int:
        """The number of actions."""
        return self.resolved.description.actions


def schedule(epsilon: Epsilon, episodes: int) -> Schedule:
    """Return the exploration schedule of a checked config."""
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
    """Return the schedule of the learning rate, without its decay by visits."""
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


def first_table(config: Config, shape: tuple[int, ...], available: tuple[int, ...] | None) -> InitialTable:
    """Return a function that draws initial Q-tables: uniform, -inf for actions that a cell does not have.

    Most algorithms need only index 0. With tilings, the sum of a state's values lies between the bounds.
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


def task(resolved: Resolved) -> Task:
    """Return the task of a resolved config."""
    config, random = resolved.config, streams(resolved.config.seed)
    return Task(
        resolved=resolved,
        table=first_table(config, resolved.shape, resolved.description.available),
        epsilon=schedule(config.epsilon, config.episodes),
        learning_rate=step_sizes(config),
        environment_seed=random.environment,
        exploration_key=random.exploration,
    )
