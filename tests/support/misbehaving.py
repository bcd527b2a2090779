"""An environment that breaks Gymnasium's rules where and as it is told: tests.support.misbehaving:Odd-v0."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from decimal import Decimal
from fractions import Fraction
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces


class Unspeakable:
    """An object of which nothing can be had: no text, no number, no parts."""

    def _fail(self, *_: Any) -> Any:
        raise RuntimeError("no word")

    __repr__ = __str__ = __float__ = __index__ = __iter__ = __array__ = __len__ = __bool__ = _fail


class SpeechlessError(Exception):
    """An exception without a text."""

    def __str__(self) -> str:
        raise RuntimeError("no word")


class OddNumber(Fraction):
    """A number that is none."""

    def __float__(self) -> float:
        raise RuntimeError("no float")


ID = "tests.support.misbehaving:Odd-v0"
EXCEPTIONS: dict[str, BaseException | type[BaseException]] = {
    "exit": SystemExit(),
    "sys.exit": SystemExit(3),
    "a closed window": SystemExit("window closed"),
    "an interrupt": KeyboardInterrupt(),
    "a bug": RuntimeError("the wheel\ncame off"),
    "an end": StopIteration(),
    "a generator's end": GeneratorExit(),
    "memory": MemoryError(),
    "an own base": type("Own", (BaseException,), {}),
    "a group": ExceptionGroup("two", [ValueError("one"), KeyError("other")]),
    "no end": RecursionError("maximum recursion depth exceeded"),
    "a disk": OSError(28, "No space left on device"),
    "a pipe": BrokenPipeError(32, "Broken pipe"),
    "a missing file": FileNotFoundError(2, "No such file or directory", "map.txt"),
    "a missing module": ModuleNotFoundError("No module named 'wheel'"),
    "a timeout": TimeoutError(),
    "cancelled": asyncio.CancelledError(),
    "a warning": DeprecationWarning("use the other"),
    "an assertion": AssertionError(),
    "long": ValueError("long " * 10_000),
    "control characters": ValueError("\x1b[31mred\x00\u202e"),
    "speechless": SpeechlessError(),
}
REWARDS: dict[str, Any] = {
    "nan": float("nan"),
    "inf": float("inf"),
    "-inf": -np.inf,
    "huge": 1e200,
    "a larger integer": 10**400,
    "an integer too long to be shown": 10**5000,
    "a decimal": Decimal("sNaN"),
    "an odd number": OddNumber(1, 2),
    "unspeakable": Unspeakable(),
    "a date": np.datetime64("2025-01-31"),
    "a masked value": np.ma.masked,
    "a mapping": {"reward": 1.0},
    "numpy's nan": np.float32("nan"),
    "a vector": np.array([1.0, 2.0]),
    "an array": np.array([1.0]),
    "a list": [1.0],
    "a text": "1.0",
    "nothing": None,
    "complex": 1j,
}
OBSERVATIONS: dict[str, Any] = {
    "n": 5,
    "negative": -1,
    "between": 0.5,
    "an array of one": np.array([3]),
    "no number": float("nan"),
    "text": "3",
    "none": None,
    "a place too long to be shown": 10**5000,
    "beyond 64 bits": 2**64,
    "an unspeakable place": Unspeakable(),
    "a list of one": [3],
    "a mapping of one": {"x": 3},
    "a complex place": 3 + 0j,
}
RESULTS: dict[str, Any] = {
    "four values": (0, -1.0, False, {}),
    "six values": (0, -1.0, False, False, {}, 0),
    "no tuple": None,
    "flags": (0, -1.0, np.array([True, False]), False, {}),
    "a word": (0, -1.0, "no", False, {}),
    "a text of five letters": "abcde",
    "a mapping of five": dict.fromkeys(range(5)),
    "an unspeakable result": Unspeakable(),
    "an unspeakable flag": (0, -1.0, Unspeakable(), False, {}),
    "a flag of 2": (0, -1.0, False, 2, {}),
    "no flag": (0, -1.0, None, False, {}),
}


class Odd(gymnasium.Env[Any, Any]):
    """A walk over five cells, -1 a step, which is odd in one call of one method.

    method: make, reset, step, render or close; how: a key of one of the tables above, or chdir. episode, at:
    when it is odd, from 0 and 1.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 30}  # noqa: RUF012
    observation_space = spaces.Discrete(5)
    action_space = spaces.Discrete(2)

    def __init__(
        self, method: str = "", how: str = "", episode: int = 2, at: int = 3, render_mode: str | None = None
    ) -> None:
        self._method, self._how, self._when = method, how, (episode, at)
        self._episode, self._t, self.render_mode = -1, 0, render_mode
        self._misbehave("make")

    def _misbehave(self, method: str) -> Any:
        if method != self._method:
            return None
        if self._how == "chdir":
            os.chdir("/")
        if self._how in EXCEPTIONS:
            raise EXCEPTIONS[self._how]
        if self._how == "builtin exit":
            sys.exit()
        return RESULTS.get(self._how)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Return the first cell, or the one that the options name."""
        super().reset(seed=seed)
        self._episode, self._t, self._s = self._episode + 1, 0, (options or {}).get("cell", 0)
        if self._episode >= self._when[0]:
            returned = self._misbehave("reset")
            if returned is not None or (self._method == "reset" and self._how == "no tuple"):
                return returned
        return self._s, {}

    def step(self, action: int) -> Any:
        """Walk to the right, or stay."""
        self._t, self._s = self._t + 1, min(self._s + int(action), 4)
        seen, reward = self._s, -1.0
        if (self._episode, self._t) == self._when and self._method == "step":
            returned = self._misbehave("step")
            if returned is not None or self._how == "no tuple":
                return returned
            seen, reward = OBSERVATIONS.get(self._how, seen), REWARDS.get(self._how, reward)
        return seen, reward, self._s == 4, False, {}

    def render(self) -> Any:
        """Return a grey picture."""
        self._misbehave("render")
        return np.zeros((40, 60, 3), np.uint8)

    def close(self) -> None:
        """Close nothing."""
        self._misbehave("close")


class Careless(gymnasium.Env[Any, Any]):
    """A walk whose rewards a seed does not control: how: unseeded, constructed or stateful."""

    observation_space = spaces.Discrete(3)
    action_space = spaces.Discrete(2)
    _made = 0

    def __init__(self, how: str) -> None:
        self._how, self._count = how, 0
        Careless._made += 1
        self._own = Careless._made

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        """Return the first state."""
        super().reset(seed=seed)
        return 0, {}

    def step(self, action: int) -> Any:
        """Return a reward that depends on how it is careless."""
        self._count += 1
        careless = {"unseeded": random.random(), "constructed": self._own, "stateful": 1.0 / self._count}
        return int(action), float(careless.get(self._how, 1.0)), False, False, {}


gymnasium.register("Odd-v0", entry_point=Odd, max_episode_steps=20)
gymnasium.register("Careless-v0", entry_point=Careless, max_episode_steps=20)
