"""The transition tables of an environment: its own `P`, or the project's tables of one that has none."""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.envs.toy_text.blackjack import BlackjackEnv
from gymnasium.envs.toy_text.taxi import TaxiEnv

from qsweep.config import Env
from qsweep.environments.description import describe, is_bare, make
from qsweep.environments.failures import EnvironmentFailure, calling, closing
from qsweep.environments.guarded import opened
from qsweep.environments.twins.matching import TRIAL_EPISODE, TRIAL_STEPS, follows_tables
from qsweep.policies.optimum import blackjack, taxi
from qsweep.policies.optimum.tables import Tables, read


def tables_of(env: Env) -> Tables | None:
    """Return the environment's tables, or None if they do not describe it completely. Cached.

    It is made and reset twice because tables can be random, as FrozenLake's map with map_name=null.
    """
    if env.altered:
        return None  # not the environment registered under that id
    return _tables_of(dataclasses.replace(env, low=None, high=None, max_steps=None))


def tables_in_force(env: Env) -> Tables | None:
    """Return the tables of an environment that was not seen to contradict them; None without any. Cached.

    A class that is derived from one with tables may step otherwise.
    """
    tables = tables_of(env)
    standard = dataclasses.replace(env, low=None, high=None, max_steps=None)
    return tables if tables and (_is_known(env) or _is_followed(standard)) else None


def observed_tables(env: Env) -> Tables | None:
    """Return the tables that also give the observations of an environment; None without any. Cached.

    A `P` counts only if the environment was seen to follow it, and to show its states as they are.
    """
    tables = tables_of(env)
    return tables if tables and (_is_known(env) or follows_tables(env, describe(env))) else None


@lru_cache(maxsize=32)
def _tables_of(env: Env) -> Tables | None:
    try:
        first = _tables_of_one(env, seed=0)
        second = _tables_of_one(env, seed=1) if first else None
    except EnvironmentFailure:  # there may be only one, or it fails at times
        return None
    return first if first and second and first.same(second) else None


def _tables_of_one(env: Env, seed: int) -> Tables | None:
    made = make(env)
    with closing(env.id, made):
        with calling(env.id, "reset"):
            made.reset(seed=seed)
        inner, actions = made.unwrapped, made.action_space
        if not is_bare(made) or not isinstance(actions, spaces.Discrete):
            return None
        if type(inner) is BlackjackEnv:
            return blackjack.tables(sab=inner.sab, natural=inner.natural)
        if getattr(inner, "fickle_passenger", False):
            return taxi.tables(inner) if type(inner) is TaxiEnv else None
        names = range(int(actions.start), int(actions.start + actions.n))
        start = getattr(inner, "initial_state_distrib", None)
        return None if start is None else read(getattr(inner, "P", None), start, names)


@lru_cache(maxsize=32)
def _is_followed(env: Env) -> bool:
    """Return whether the results of random steps are in `P`, as far as observations are states."""
    description, made_once = describe(env), make(env)
    with closing(env.id, made_once):
        outcomes: Any = made_once.unwrapped.P  # type: ignore[attr-defined]
    choices = np.random.default_rng(0).integers(description.actions, size=TRIAL_STEPS).tolist()
    try:
        with opened(env, description) as played:
            state = played.reset(0)
            for number, choice in enumerate(choices, 1):
                action = choice + description.first_action
                after, reward, terminated, truncated = played.step(action)
                if len(state) > 1 or state[0] not in outcomes:
                    return True
                found = [(s, float(r), bool(end)) for p, s, r, end in outcomes[state[0]][action] if p > 0]
                if (after[0], reward, terminated) not in found:
                    return False
                over = terminated or truncated or number % TRIAL_EPISODE == 0
                state = played.reset() if over else after
    except EnvironmentFailure:
        return False
    return True


@lru_cache(maxsize=32)
def _is_known(env: Env) -> bool:
    """Return whether the project's own tables describe the environment, which has no complete `P`."""
    made = make(env)
    with closing(env.id, made):
        inner = made.unwrapped
        fickle = bool(getattr(inner, "fickle_passenger", False))
        return type(inner) is BlackjackEnv or (type(inner) is TaxiEnv and fickle)
