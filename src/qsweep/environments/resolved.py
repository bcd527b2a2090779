"""A run's environment with its description, grid and twin: looked up once, then passed on as values."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Self

import gymnasium

from qsweep.config import Config, Env
from qsweep.environments.description import Description, describe, make
from qsweep.environments.discretizer import grid
from qsweep.environments.grid import Grid
from qsweep.environments.guarded import GuardedEnv, opened
from qsweep.environments.twins.matching import twin_of
from qsweep.environments.twins.twin import Twin
from qsweep.errors import Problem, UsageError
from qsweep.system.arrays import QTable


@dataclass(frozen=True)
class Setting:
    """The environment in which a Q-table acts, with its step limit, and the Q-table's grid.

    twin: the compiled twin that replaces the environment; None: the environment itself runs.
    """

    env: Env
    description: Description
    grid: Grid
    twin: Twin | None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the Q-table."""
        return (*self.grid.shape, self.description.actions)

    @property
    def max_steps(self) -> int:
        """The maximum number of steps in an episode."""
        assert self.env.max_steps is not None
        return self.env.max_steps

    def make(self, **more: Any) -> gymnasium.Env[Any, Any]:
        """Return the Gymnasium environment, with its step limit."""
        return make(self.env, self.max_steps, **more)

    def open(self, **more: Any) -> GuardedEnv:
        """Return the Gymnasium environment, with its step limit and checked results, as a context."""
        return opened(self.env, self.description, self.max_steps, **more)


@dataclass(frozen=True)
class Start:
    """The trained Q-table that a run starts from, float64[grid's shape..., actions], and its origin."""

    q_table: QTable
    run_id: str
    checkpoint: str


@dataclass(frozen=True)
class Resolved(Setting):
    """A resolved config and its setting.

    twin: also None with engine=gymnasium. start: as `initial_q.from` says; None: drawn from the seed.
    """

    config: Config
    start: Start | None = field(default=None, compare=False)

    @property
    def test_episodes(self) -> int:
        """The number of test starts."""
        assert self.config.evaluation.test_episodes is not None
        return self.config.evaluation.test_episodes

    @classmethod
    def of(cls, config: Config) -> Self:
        """Return a config from `load_config` with its setting, which is looked up here.

        Raises UsageError if the config is not resolved, or does not suit the environment.
        """
        if config.engine == "auto":
            raise UsageError([Problem("config", "must be resolved: use qsweep.load_config", config.engine)])
        description = describe(config.env)
        cells, problems = grid(config, description)
        if cells is None or problems:
            raise UsageError(problems)
        twin = twin_of(config.env, description) if config.engine == "compiled" else None
        return cls(config.env, description, cells, twin, config)

    def changed(self, **values: Any) -> Self:
        """Return the run with other values of keys on which neither environment nor grid depends."""
        return dataclasses.replace(self, config=dataclasses.replace(self.config, **values))
