"""Wrappers that make an environment tabular: discretised actions, and the wrapper that a config names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from itertools import product
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from qsweep.environments.failures import is_interrupt
from qsweep.errors import Problem, UsageError, one_line

MAX_ACTIONS = 100_000
"""The maximum number of discretised actions."""


class DiscreteActions(gymnasium.ActionWrapper[Any, Any, Any]):
    """A wrapper that offers `count` evenly spaced actions per dimension of a Box, from low to high."""

    def __init__(self, env: gymnasium.Env[Any, Any], count: int) -> None:
        super().__init__(env)
        box = env.action_space
        if not isinstance(box, spaces.Box):
            rule = "needs an environment with a Box action space"
            raise UsageError([Problem("env.actions", rule, count, f"this one has {box}: remove env.actions")])
        low, high = box.low.ravel(), box.high.ravel()
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            raise UsageError([Problem("env.actions", "needs bounded actions", count, f"this one has {box}")])
        if count ** len(low) > MAX_ACTIONS:
            rule = f"must give at most {MAX_ACTIONS:,} actions; {box} has {len(low)} dimensions"
            raise UsageError([Problem("env.actions", rule, count, "use a smaller number")])
        axes = [np.linspace(a, b, count) for a, b in zip(low, high, strict=True)]
        self._actions = [np.array(action, box.dtype).reshape(box.shape) for action in product(*axes)]
        self.action_space = spaces.Discrete(len(self._actions))

    def action(self, action: Any) -> Any:
        """Return the action, an array of the Box, that has a number."""
        return self._actions[int(action)]


class View(dict[str, Any]):
    """A MiniGrid agent's view that is only computed if it is read: most of the time of a step."""

    def __init__(self, compute: Callable[[], Mapping[str, Any]]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, key: str) -> Any:
        self.update(self._compute())
        return dict(self)[key]


class PositionAndDirection(gymnasium.ObservationWrapper[Any, Any, Any]):
    """A wrapper that observes a MiniGrid agent's column, row and direction instead of its view."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        inner: Any = env.unwrapped
        self.observation_space = spaces.MultiDiscrete([inner.width, inner.height, 4])
        if hasattr(inner, "gen_obs") and not _is_checked(env):
            inner.gen_obs = partial(View, inner.gen_obs)

    def observation(self, observation: Any) -> Any:
        """Return column, row and direction, int64[3]."""
        inner: Any = self.env.unwrapped
        return np.array([*inner.agent_pos, inner.agent_dir], np.int64)


def _is_checked(env: gymnasium.Env[Any, Any]) -> bool:
    """Return whether Gymnasium checks an environment's observations."""
    while isinstance(env, gymnasium.Wrapper):
        if isinstance(env, gymnasium.wrappers.PassiveEnvChecker):
            return True
        env = env.env
    return False


def wrapped(env: gymnasium.Env[Any, Any], name: str) -> gymnasium.Env[Any, Any]:
    """Return the environment in the wrapper called `name`, MODULE:WRAPPER.

    Raises UsageError if the wrapper cannot be imported or does not return an environment.
    """
    module, _, attribute = name.partition(":")
    rule = "must be MODULE:WRAPPER, a callable that takes and returns an environment"
    try:
        made = getattr(import_module(module), attribute)(env)
    except BaseException as error:  # whatever a third party's module or wrapper raises
        if is_interrupt(error):
            raise
        raise UsageError([Problem("env.wrapper", rule, name, one_line(error, kind=True))]) from error
    if not isinstance(made, gymnasium.Env):
        raise UsageError([Problem("env.wrapper", rule, name, f"it returned {made!r}")])
    return made
