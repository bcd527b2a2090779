"""Settings of Q-tables by hand: any grid, any number of actions."""

from __future__ import annotations

from dataclasses import replace

from qsweep.config import Env
from qsweep.environments.description import describe
from qsweep.environments.grid import Grid
from qsweep.environments.resolved import Setting


def on_grid(env: Env, grid: Grid, actions: int) -> Setting:
    """An environment's tables on a grid, of so many actions, whatever the environment has."""
    return Setting(env, replace(describe(env), actions=actions), grid, None)
