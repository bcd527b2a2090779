"""Settings of recorded Q-tables: the grid they were learned on, and their environment as installed here."""

from __future__ import annotations

from qsweep.config import Env
from qsweep.environments.description import describe, refuse_foreign
from qsweep.environments.grid import Grid
from qsweep.environments.resolved import Setting
from qsweep.environments.twins.matching import twin_of
from qsweep.errors import Problem, UsageError
from qsweep.tracking.checkpoints import Archive


def setting_of_archive(archive: Archive) -> Setting:
    """Return the setting of an archive's tables: its environment and the grid it contains, without a twin.

    Raises UsageError if the environment cannot be made here, or would import a module that the user has
    not allowed; ValueError, TypeError or KeyError if the archive is damaged.
    """
    env = Env(**{**archive.about["config"]["env"], "low": None, "high": None})
    refuse_foreign(env.id, env.wrapper, env.kwargs)
    setting = Setting(env, describe(env), archive.grid, None)
    if archive.shape != setting.shape:
        raise ValueError(f"its tables have shape {archive.shape}, not {setting.shape}")
    return setting


def setting_of_policy(env: Env, grid: Grid, actions: int, first_action: int) -> Setting:
    """Return the setting of a policy with this grid and number of actions.

    Raises UsageError if the environment cannot be made here, or has another shape here.
    """
    refuse_foreign(env.id, env.wrapper, env.kwargs)
    found = describe(env)
    known = _shape(len(grid.buckets), actions, first_action)
    here = _shape(len(found.dimensions), found.actions, found.first_action)
    if known != here:
        rule = f"has a policy for {known}, but the environment has {here}"
        raise UsageError([Problem("name", rule, env.id)])
    return Setting(env, found, grid, twin_of(env, found))


def _shape(dimensions: int, actions: int, first: int) -> str:
    return f"{dimensions} dimensions and the actions {first} to {first + actions - 1}"
