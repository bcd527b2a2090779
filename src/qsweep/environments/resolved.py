"""What was found out about an environment: looked up once per run, then passed on as values."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Self

import gymnasium

from qsweep.config import Config, Env
from qsweep.environments.description import Description, describe, make
from qsweep.environments.discretizer import grid
from qsweep.environments.grid import Grid
from qsweep.environments.twins.matching import twin_of
from qsweep.environments.twins.twin import Twin
from qsweep.errors import Problem, UsageError


@dataclass(frozen=True)
class Setting:
    """Where a Q-table acts.

    env: the environment, with its step limit. grid: the one that the table lies on. twin: what runs in place
    of the environment; None: the environment itself.
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
        """Steps in an episode, at most."""
        assert self.env.max_steps is not None
        return self.env.max_steps

    def make(self, **more: Any) -> gymnasium.Env[Any, Any]:
        """The Gymnasium environment, with its step limit."""
        return make(self.env, self.max_steps, **more)


@dataclass(frozen=True)
class Resolved(Setting):
    """A resolved config and its environment. env: the config's. twin: None with engine=gymnasium, too."""

    config: Config

    @classmethod
    def of(cls, config: Config) -> Self:
        """A config that `load_config` returned, with its environment looked up here.

        Raises UsageError where the config is not resolved, or the environment does not suit it here.
        """
        if config.engine == "auto":
            raise UsageError([Problem("config", "must be resolved: use qsweep.load_config", config.engine)])
        found = describe(config.env)
        cells, problems = grid(config, found)
        if cells is None or problems:
            raise UsageError(problems)
        twin = twin_of(config.env, found) if config.engine == "compiled" else None
        return cls(config.env, found, cells, twin, config)

    def changed(self, **values: Any) -> Self:
        """The same run with other values for keys on which neither environment nor grid depends."""
        return dataclasses.replace(self, config=dataclasses.replace(self.config, **values))
