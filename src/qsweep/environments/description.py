"""The description of a Gymnasium environment that a run needs: dimensions, actions, step limit."""

from __future__ import annotations

import dataclasses
import os
import sys
import warnings
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.wrappers import OrderEnforcing, PassiveEnvChecker, TimeLimit

import qsweep.environments.textbook  # noqa: F401  (registers its environments)
from qsweep.config import Env
from qsweep.environments.wrappers import DiscreteActions, wrapped
from qsweep.errors import Problem, UsageError, one_line

MAX_DIMENSIONS = 32
"""The maximum number of dimensions: more than any Q-table can have, so that images are refused."""
RESERVED = {
    "max_episode_steps": "cannot be set in env.kwargs: use env.max_steps",
    "render_mode": "cannot be set: training renders nothing",
    "disable_env_checker": "cannot be set: qsweep sets it",
}
"""Argument of gymnasium.make that a config cannot set -> the rule."""


@dataclass(frozen=True)
class Dimension:
    """One dimension of an observation: its bounds, and its number of values if it is discrete."""

    low: float
    high: float
    values: int | None = None


@dataclass(frozen=True)
class Description:
    """The properties of an environment that tabular learning needs.

    encode: observation -> one number per dimension. first_action: the environment's number of action 0.
    available: the number of actions in each state, the first ones; None: all actions in all states.
    step_limit: the environment's own, in steps, or None.
    """

    dimensions: tuple[Dimension, ...]
    encode: Callable[[Any], list[float]]
    actions: int
    first_action: int
    available: tuple[int, ...] | None
    step_limit: int | None
    id: str


OWN_MODULES = ("gymnasium", "minigrid", "qsweep")
"""Packages whose modules a record may name without --trust, because presets name them."""
_requested: set[str] = set()
"""Modules of the environments that the user of this process has requested."""
_trusting = False


def trust_records() -> None:
    """Allow records to name modules, which are then imported and therefore run; the user gave --trust."""
    global _trusting
    _trusting = True


def refuse_foreign(env_id: Any, wrapper: Any) -> None:
    """Raise UsageError if an environment in a record would import a module that the user did not request.

    A module that the user names, by `env.id=MODULE:ENV` or `env.wrapper=MODULE:WRAPPER`, may be imported. A
    record may come from anybody.
    """
    named = {"env.id": env_id, "env.wrapper": wrapper}
    modules = {key: str(value).partition(":")[0] for key, value in named.items() if ":" in str(value)}
    foreign = {key: name for key, name in modules.items() if name.partition(".")[0] not in OWN_MODULES}
    if _trusting:
        return
    if problems := [
        Problem(key, "would import a module named by the record", named[key], "if you trust it: --trust")
        for key, name in foreign.items()
        if name not in _requested
    ]:
        raise UsageError(problems)


def make(env: Env, max_steps: int | None = None, **more: Any) -> gymnasium.Env[Any, Any]:
    """Return the Gymnasium environment, with the time limit `max_steps` if it is given.

    Raises whatever the environment raises; `describe` converts that to a problem.
    """
    if (":" in env.id or env.wrapper) and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # so that a user's own module is found, as python -m finds it
    _requested.update(name.partition(":")[0] for name in (env.id, env.wrapper or "") if ":" in name)
    limit = {} if max_steps is None else {"max_episode_steps": max_steps}
    made = gymnasium.make(env.id, disable_env_checker=True, **limit, **env.kwargs, **more)
    made = wrapped(made, env.wrapper) if env.wrapper else made
    return DiscreteActions(made, env.actions) if env.actions else made


def is_bare(made: gymnasium.Env[Any, Any]) -> bool:
    """Return whether no wrapper but a time limit changes an environment's rewards, observations or ends."""
    while isinstance(made, gymnasium.Wrapper):
        if not isinstance(made, (OrderEnforcing, PassiveEnvChecker, TimeLimit)):
            return False
        made = made.env
    return True


def describe(env: Env) -> Description:
    """Return the description of an environment, from its spaces.

    Raises UsageError if it cannot be made or is not tabular.
    """
    return _describe(dataclasses.replace(env, low=None, high=None, max_steps=None))


@lru_cache(maxsize=32)
def _describe(env: Env) -> Description:
    reserved = [
        Problem(f"env.kwargs.{key}", rule, env.kwargs[key])
        for key, rule in RESERVED.items()
        if key in env.kwargs
    ]
    if reserved:
        raise UsageError(reserved)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a problem below reports what matters
            made = make(env)
    except UsageError:
        raise
    except Exception as error:  # whatever a third party's constructor raises
        raise UsageError([_cannot_make(env, error)]) from error
    with closing(made):
        space, actions = made.observation_space, made.action_space
        if not isinstance(actions, spaces.Discrete):
            raise UsageError([_no_actions(env.id, actions)])
        dimensions, encode = _observation(env.id, space)
        limit = made.spec.max_episode_steps if made.spec else None
        full = made.spec.id if made.spec and ":" not in env.id else env.id
        some = _available(made, dimensions, int(actions.n))
        return Description(dimensions, encode, int(actions.n), int(actions.start), some, limit, full)


def _no_actions(env_id: str, actions: spaces.Space[Any]) -> Problem:
    if isinstance(actions, spaces.Box):
        return Problem(
            "env.actions", f"is required: {env_id} has {actions}", None, "for example env.actions=5"
        )
    return Problem("env.id", "must have Discrete or Box actions", env_id, f"{env_id} has {actions}")


def _available(
    made: gymnasium.Env[Any, Any], dimensions: tuple[Dimension, ...], actions: int
) -> tuple[int, ...] | None:
    """Return `actions_in` of a Discrete environment: the number of actions in each state, the first ones."""
    some = getattr(made.unwrapped, "actions_in", None)
    if some is None or len(dimensions) != 1 or len(some) != dimensions[0].values:
        return None
    return tuple(min(max(int(n), 1), actions) for n in some)


def _cannot_make(env: Env, error: Exception) -> Problem:
    reason = one_line(error, kind=True)
    if env.kwargs and env.id in gymnasium.registry:
        return Problem("env.kwargs", f"must suit {env.id}", dict(env.kwargs), reason)
    return Problem("env.id", "must be an environment that Gymnasium can make", env.id, reason)


def _observation(
    env_id: str, space: spaces.Space[Any]
) -> tuple[tuple[Dimension, ...], Callable[[Any], list[float]]]:
    match space:
        case spaces.Discrete():
            return (_discrete(int(space.start), int(space.n)),), _single
        case spaces.MultiDiscrete():
            counts = zip(space.start.ravel().tolist(), space.nvec.ravel().tolist(), strict=True)
            return tuple(_discrete(start, n) for start, n in counts), _flat
        case spaces.Tuple() if all(isinstance(part, spaces.Discrete) for part in space.spaces):
            parts = [part for part in space.spaces if isinstance(part, spaces.Discrete)]
            return tuple(_discrete(int(part.start), int(part.n)) for part in parts), _flat
        case spaces.Box() if len(space.low.ravel()) <= MAX_DIMENSIONS:
            bounds = zip(_shortest(space.low), _shortest(space.high), strict=True)
            return tuple(Dimension(low, high) for low, high in bounds), _flat
    rule = "must have Discrete, MultiDiscrete, Tuple-of-Discrete or Box observations"
    raise UsageError([Problem("env.id", rule, env_id, f"{env_id} has {space}")])


def _discrete(start: int, n: int) -> Dimension:
    return Dimension(float(start), float(start + n), n)


def _single(seen: Any) -> list[float]:
    return [float(seen)]


def _flat(seen: Any) -> list[float]:
    values: list[float] = np.asarray(seen, np.float64).ravel().tolist()
    return values


def _shortest(bounds: Any) -> list[float]:
    """Return bounds with the fewest digits: float32's 0.6 as 0.6, not as 0.6000000238418579."""
    return [float(str(bound)) for bound in np.ravel(bounds)]


def is_standard(env: Env, found: Description) -> bool:
    """Return whether a resolved environment is used as registered: without arguments, with its step limit."""
    return not (env.kwargs or env.actions or env.wrapper) and found.step_limit in (None, env.max_steps)
