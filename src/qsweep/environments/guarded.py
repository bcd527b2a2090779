"""A Gymnasium environment whose results are checked, with observations and rewards as plain numbers."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any, NoReturn, Self

import numpy as np
from gymnasium.wrappers import OrderEnforcing, TimeLimit

from qsweep.config import Env
from qsweep.environments.description import Description, made
from qsweep.environments.failures import (
    close,
    current_folder,
    failure,
    is_interrupt,
    raised,
    return_to,
)
from qsweep.errors import UsageError, text_of

MOST = 1e100
"""The largest reward, return and initial Q-value: means and squares of them do not overflow."""
REWARD = f"a reward is one number, here from -{MOST:g} to {MOST:g}"
VECTOR = "; mo_gymnasium.wrappers:LinearReward as env.wrapper makes one number of several"
FLAGS = "terminated and truncated are true or false"


class GuardedEnv:
    """An environment; `step` and `reset` raise EnvironmentFailure for all that it does wrong.

    An environment that changes the current folder finds itself in its folder, and qsweep in its own, `home`.
    """

    def __init__(self, env: Env, inner: Any, description: Description, home: str) -> None:
        self._id, self._env, self._encode = env.id, inner, description.encode
        self._given = {"options": dict(env.reset_options)} if env.reset_options else {}
        self._home, self._folder = home, ""
        self.metadata, self.render_mode = inner.metadata, inner.render_mode
        self.leave()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def np_random(self) -> np.random.Generator:
        """The environment's generator."""
        generator: np.random.Generator = self._env.unwrapped.np_random
        return generator

    @np_random.setter
    def np_random(self, generator: np.random.Generator) -> None:
        self._env.unwrapped.np_random = generator

    def reset(self, seed: int | None = None) -> list[float]:
        """Reset the environment; return the observation's numbers."""
        self._enter()
        try:
            returned = self._env.reset(seed=seed, **self._given)
        except BaseException as error:
            self.fail("reset", error)
        self.leave()
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise failure(self._id, "reset", f"returned {_shown(returned)}")
        return self._numbers("reset", returned[0])

    def step(self, action: int) -> tuple[list[float], float, bool, bool]:
        """Take an action; return the observation's numbers, the reward, terminated and truncated."""
        if self._folder:
            self._enter()
        try:
            returned = self._env.step(action)
        except BaseException as error:
            self.fail("step", error)
        result = self.checked(returned)
        if result[2] or result[3] or self._folder:
            self.leave()
        return result

    def bare_step(self, max_steps: int) -> Callable[[int], Any]:
        """Return the function that takes a step and returns the environment's own result, unchecked.

        It lacks the wrappers that count steps and enforce a reset, for a caller who does both. Whatever it
        raises or returns belongs into `fail` or `checked`. The caller also calls `leave` after the last step.
        """
        if self._folder:
            return self._step_in_its_folder
        layer = self._env
        while type(layer) is OrderEnforcing or (
            type(layer) is TimeLimit and layer._max_episode_steps >= max_steps
        ):
            layer = layer.env
        step: Callable[[int], Any] = layer.step
        return step

    def _step_in_its_folder(self, action: int) -> Any:
        self._enter()
        returned = self._env.step(action)
        self.leave()
        return returned

    def checked(self, returned: Any) -> tuple[list[float], float, bool, bool]:
        """Return what a step returned as plain values; raise EnvironmentFailure if it breaks the rules."""
        try:
            seen, r, terminated, truncated, _ = returned
        except Exception:  # also whatever an object's own methods raise
            raise failure(self._id, "step", f"returned {_shown(returned)}") from None
        if not (terminated is False or terminated is True):
            terminated = self._flag("terminated", terminated)
        if not (truncated is False or truncated is True):
            truncated = self._flag("truncated", truncated)
        if not (type(r) is float and -MOST <= r <= MOST):
            r = self._reward(r)
        return self._numbers("step", seen), r, terminated, truncated

    def render(self) -> Any:
        """Return the environment's frame."""
        self._enter()
        try:
            return self._env.render()
        except BaseException as error:
            self.fail("render", error)
        finally:
            self.leave()

    def close(self) -> None:
        """Close the environment; a failure is only a warning."""
        self.leave()
        close(self._id, self._env)

    def _numbers(self, method: str, seen: Any) -> list[float]:
        try:
            return self._encode(seen)
        except ValueError as error:
            raise failure(self._id, method, f"gave {error}", "observations lie in the space") from None
        except Exception as error:
            what = f"gave an observation that {raised(error)}"
            raise failure(self._id, method, what, "observations lie in the space") from error

    def _reward(self, given: Any) -> float:
        value = _plain(given)
        if isinstance(value, Real):
            try:
                r = float(value)
            except Exception:  # OverflowError, or whatever an object's own method raises
                r = np.inf
            if -MOST <= r <= MOST:
                return r
        vector = (
            isinstance(value, np.ndarray | list | tuple)
            and getattr(value, "ndim", None) != 0
            and len(value) > 1
        )
        rule = REWARD + VECTOR if vector else REWARD
        raise failure(self._id, "step", f"returned the reward {_shown(value)}", rule)

    def _flag(self, name: str, given: Any) -> bool:
        value = _plain(given)
        if isinstance(value, int) and value in (0, 1):
            return bool(value)
        raise failure(self._id, "step", f"returned {name} {_shown(given)}", FLAGS)

    def fail(self, method: str, error: BaseException) -> NoReturn:
        """Raise the failure of a method that raised, or a user's interrupt."""
        self.leave()
        if is_interrupt(error):
            raise error
        raise failure(self._id, method, raised(error)) from error

    def _enter(self) -> None:
        if self._folder:
            return_to(self._folder)

    def leave(self) -> None:
        """Return to qsweep's folder, and remember the environment's if that is another one."""
        here = current_folder()
        if here != self._home:
            self._folder = here
            return_to(self._home)


def opened(env: Env, description: Description, max_steps: int | None = None, **more: Any) -> GuardedEnv:
    """Return an environment with its results checked.

    Raises EnvironmentFailure if it cannot be made, UsageError if its wrapper cannot.
    """
    home = current_folder()
    try:
        found = made(env, max_steps, **more)
        guarded = GuardedEnv(env, found, description, home)
    except BaseException as error:
        return_to(home)
        if isinstance(error, UsageError) or is_interrupt(error):
            raise
        raise failure(env.id, "make", raised(error)) from error
    return guarded


def _plain(value: Any) -> Any:
    """Return what a numpy scalar holds; any other value as it is, also a masked one, whose item is 0."""
    scalar = isinstance(value, np.generic | np.ndarray) and value.ndim == 0 and value is not np.ma.masked
    return value.item() if scalar else value


def _shown(value: object) -> str:
    """Return a wrong result in one short line; a tuple by its length."""
    if isinstance(value, tuple):
        return f"{len(value)} values"
    text = " ".join(text_of(value).split())
    return text if len(text) <= 80 else f"{text[:80]}..."
