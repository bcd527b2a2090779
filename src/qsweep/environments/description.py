"""The description of a Gymnasium environment that a run needs: dimensions, actions, step limit."""

from __future__ import annotations

import dataclasses
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.error import DependencyNotInstalled
from gymnasium.wrappers import OrderEnforcing, PassiveEnvChecker, TimeLimit

import qsweep.environments.textbook  # noqa: F401  (registers its environments)
from qsweep.config import Env
from qsweep.environments.encoding import Encode
from qsweep.environments.failures import calling, closing, current_folder, is_interrupt, return_to
from qsweep.environments.mdp import OWN_SOURCES, attribute
from qsweep.environments.mdp.environment import ImportedMDP
from qsweep.environments.observations import Dimension, observations
from qsweep.environments.wrappers import DiscreteActions, wrapped
from qsweep.errors import Problem, UsageError, one_line
from qsweep.system.extras import remedy
from qsweep.system.leaving import note_foreign_code

RESERVED = {
    "max_episode_steps": "cannot be set in env.kwargs: use env.max_steps",
    "render_mode": "cannot be set: training renders nothing",
    "disable_env_checker": "cannot be set: qsweep sets it",
}
"""Argument of gymnasium.make that a config cannot set -> the rule."""


@dataclass(frozen=True)
class Description:
    """The properties of an environment that tabular learning needs.

    encode: observation -> one number per dimension. first_action: the environment's number of action 0.
    available: the number of actions in each state, the first ones; None: all actions in all states.
    step_limit: the environment's own, in steps, or None. modules: the names of all that define it, its
    wrappers and their base classes. sha256: the hash of tables that it read; empty without any.
    """

    dimensions: tuple[Dimension, ...]
    encode: Encode
    actions: int
    first_action: int
    available: tuple[int, ...] | None
    step_limit: int | None
    id: str
    modules: tuple[str, ...] = ()
    sha256: str = ""


OWN_MODULES = ("gymnasium", "minigrid", "qsweep")
"""Packages whose modules a record may name without --trust, because presets name them."""
_requested: set[str] = set()
"""Modules of the environments, and sources of tables, that the user of this process has requested."""
_trusting = False


def trust_records() -> None:
    """Allow records to name modules, which are then imported and therefore run; the user gave --trust."""
    global _trusting
    _trusting = True


def refuse_foreign(env_id: Any, wrapper: Any, kwargs: Any) -> None:
    """Raise UsageError if an environment in a record would import a module that the user did not request.

    A module that the user names, by `env.id=MODULE:ENV`, `env.wrapper=MODULE:WRAPPER` or
    `env.kwargs.source=MODULE:NAME`, may be imported. A record may come from anybody.
    """
    if _trusting:
        return
    named = {"env.id": env_id, "env.wrapper": wrapper}
    modules = {key: str(value).partition(":")[0] for key, value in named.items() if ":" in str(value)}
    foreign = {key: name for key, name in modules.items() if name.partition(".")[0] not in OWN_MODULES}
    source = attribute(kwargs.get("source")) if isinstance(kwargs, Mapping) else ""
    if source and source not in OWN_SOURCES:  # the whole name: it is called, with arguments of the record
        foreign["env.kwargs.source"] = named["env.kwargs.source"] = source
    if problems := [
        Problem(key, "would import a module named by the record", named[key], "if you trust it: --trust")
        for key, name in foreign.items()
        if name not in _requested
    ]:
        raise UsageError(problems)


def make(env: Env, max_steps: int | None = None, **more: Any) -> gymnasium.Env[Any, Any]:
    """Return the Gymnasium environment, with the time limit `max_steps` if it is given.

    Raises EnvironmentFailure if it cannot be made, UsageError if its wrapper cannot.
    """
    with calling(env.id, "make"):
        return made(env, max_steps, **more)


def made(env: Env, max_steps: int | None = None, **more: Any) -> gymnasium.Env[Any, Any]:
    """Return the environment as `make` does, but raise whatever it raises, in the folder it chooses."""
    source = attribute(env.kwargs.get("source"))
    if (":" in env.id or env.wrapper or source) and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # so that a user's own module is found, as python -m finds it
    _requested.update(name.partition(":")[0] for name in (env.id, env.wrapper or "") if ":" in name)
    _requested.add(source)
    limit = {} if max_steps is None else {"max_episode_steps": max_steps}
    arguments = {**_without_window(env.id), **env.kwargs, **more}
    found = gymnasium.make(env.id, disable_env_checker=True, **limit, **arguments)
    found = wrapped(found, env.wrapper) if env.wrapper else found
    return DiscreteActions(found, env.actions) if env.actions else found


def _without_window(env_id: str) -> dict[str, None]:
    """Return the argument that keeps an environment from rendering if it is registered to do so."""
    module, _, name = env_id.rpartition(":")
    if module:
        with suppress(ImportError):  # gymnasium.make imports it again, and says what is wrong
            import_module(module)
    spec = gymnasium.registry.get(name)
    return {"render_mode": None} if spec and spec.kwargs.get("render_mode") else {}


def is_bare(env: gymnasium.Env[Any, Any]) -> bool:
    """Return whether no wrapper but a time limit changes an environment's rewards, observations or ends."""
    while isinstance(env, gymnasium.Wrapper):
        if not isinstance(env, (OrderEnforcing, PassiveEnvChecker, TimeLimit)):
            return False
        env = env.env
    return True


def describe(env: Env) -> Description:
    """Return the description of an environment, from its spaces.

    Raises UsageError if it cannot be made or is not tabular.
    """
    standard = dataclasses.replace(env, low=None, high=None, max_steps=None)
    changes = "source" in env.kwargs  # a source of tables, which can be others each time
    return _describe.__wrapped__(standard) if changes else _describe(standard)


@lru_cache(maxsize=32)
def _describe(env: Env) -> Description:
    reserved = [
        Problem(f"env.kwargs.{key}", rule, env.kwargs[key])
        for key, rule in RESERVED.items()
        if key in env.kwargs
    ]
    if reserved:
        raise UsageError(reserved)
    home = current_folder()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a problem below reports what matters
            found = made(env)
        with closing(env.id, found):
            return dataclasses.replace(_described(env.id, found), modules=_modules(env, found))
    except BaseException as error:  # whatever a third party's constructor raises
        if isinstance(error, UsageError) or is_interrupt(error):
            raise
        raise UsageError([_cannot_make(env, error)]) from error
    finally:
        return_to(home)


def _described(env_id: str, found: gymnasium.Env[Any, Any]) -> Description:
    space, actions = found.observation_space, found.action_space
    if not isinstance(actions, spaces.Discrete):
        raise UsageError([_no_actions(env_id, actions)])
    dimensions, encode = observations(env_id, space)
    limit = found.spec.max_episode_steps if found.spec else None
    full = found.spec.id if found.spec and ":" not in env_id else env_id
    some = _available(found, dimensions, int(actions.n))
    read = found.unwrapped.sha256 if isinstance(found.unwrapped, ImportedMDP) else ""
    return Description(dimensions, encode, int(actions.n), int(actions.start), some, limit, full, sha256=read)


def _modules(env: Env, found: gymnasium.Env[Any, Any]) -> tuple[str, ...]:
    names = {name.partition(":")[0] for name in (env.id, env.wrapper or "") if ":" in name}
    layer: Any = found
    while layer is not None:
        names |= {kind.__module__ for kind in type(layer).__mro__}
        layer = layer.env if isinstance(layer, gymnasium.Wrapper) else None
    names -= sys.stdlib_module_names
    if any(name.partition(".")[0] not in OWN_MODULES for name in names):
        note_foreign_code()
    return tuple(sorted(names))


def _no_actions(env_id: str, actions: spaces.Space[Any]) -> Problem:
    if isinstance(actions, spaces.Box):
        return Problem(
            "env.actions", f"is required: {env_id} has {actions}", None, "for example env.actions=5"
        )
    return Problem("env.id", "must have Discrete or Box actions", env_id, f"{env_id} has {actions}")


def _available(
    env: gymnasium.Env[Any, Any], dimensions: tuple[Dimension, ...], actions: int
) -> tuple[int, ...] | None:
    """Return `actions_in` of a Discrete environment: the number of actions in each state, the first ones."""
    some = getattr(env.unwrapped, "actions_in", None)
    if (
        not isinstance(some, Sequence | np.ndarray)
        or len(dimensions) != 1
        or len(some) != dimensions[0].values
    ):
        return None  # an environment may have another thing of this name
    return tuple(min(max(int(n), 1), actions) for n in some)


def _cannot_make(env: Env, error: BaseException) -> Problem:
    if isinstance(error, DependencyNotInstalled) and "box2d" in str(error).lower():
        return Problem("env.id", "needs Box2D, which is not installed", env.id, remedy("box2d", ["Box2D"]))
    reason = one_line(error, kind=True)
    if env.kwargs and env.id in gymnasium.registry:
        return Problem("env.kwargs", f"must suit {env.id}", dict(env.kwargs), reason)
    return Problem("env.id", "must be an environment that Gymnasium can make", env.id, reason)


def is_standard(env: Env, found: Description) -> bool:
    """Return whether a resolved environment is used as registered: without arguments, with its step limit."""
    return not (env.kwargs or env.altered) and found.step_limit in (None, env.max_steps)
