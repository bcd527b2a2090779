"""Wrappers that make an environment tabular: discretised actions, and whatever a config names."""

from __future__ import annotations

from importlib import import_module
from itertools import product
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from qsweep.errors import Problem, UsageError

MOST_ACTIONS = 100_000
"""How many discretised actions there may be."""


class DiscreteActions(gymnasium.ActionWrapper[Any, Any, Any]):
    """A Box of actions as `count` evenly spaced ones per dimension, from its low to its high."""

    def __init__(self, env: gymnasium.Env[Any, Any], count: int) -> None:
        super().__init__(env)
        box = env.action_space
        if not isinstance(box, spaces.Box):
            rule = "needs an environment with a Box action space"
            raise UsageError([Problem("env.actions", rule, count, f"this one has {box}: remove env.actions")])
        low, high = box.low.ravel(), box.high.ravel()
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            raise UsageError([Problem("env.actions", "needs bounded actions", count, f"this one has {box}")])
        if count ** len(low) > MOST_ACTIONS:
            rule = f"must give at most {MOST_ACTIONS:,} actions; {box} has {len(low)} dimensions"
            raise UsageError([Problem("env.actions", rule, count, "use a smaller number")])
        axes = [np.linspace(a, b, count) for a, b in zip(low, high, strict=True)]
        self._actions = [np.array(action, box.dtype).reshape(box.shape) for action in product(*axes)]
        self.action_space = spaces.Discrete(len(self._actions))

    def action(self, action: Any) -> Any:
        """The action of a number."""
        return self._actions[int(action)]


class PositionAndDirection(gymnasium.ObservationWrapper[Any, Any, Any]):
    """Where a MiniGrid agent is and looks, instead of what it sees: column, row, direction."""

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        inner: Any = env.unwrapped
        self.observation_space = spaces.MultiDiscrete([inner.width, inner.height, 4])

    def observation(self, observation: Any) -> Any:
        """The three numbers."""
        inner: Any = self.env.unwrapped
        return np.array([*inner.agent_pos, inner.agent_dir], np.int64)


def wrapped(env: gymnasium.Env[Any, Any], name: str) -> gymnasium.Env[Any, Any]:
    """The environment in the wrapper that `name` stands for, MODULE:WRAPPER.

    Raises UsageError where there is none.
    """
    module, _, attribute = name.partition(":")
    rule = "must be MODULE:WRAPPER, a callable that takes and returns an environment"
    try:
        made = getattr(import_module(module), attribute)(env)
    except Exception as error:  # whatever a third party's module or wrapper raises
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise UsageError([Problem("env.wrapper", rule, name, reason)]) from error
    if not isinstance(made, gymnasium.Env):
        raise UsageError([Problem("env.wrapper", rule, name, f"it returned {made!r}")])
    return made
