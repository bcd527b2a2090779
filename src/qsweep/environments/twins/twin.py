"""The functions and constants of a compiled twin of a Gymnasium environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from qsweep.system.arrays import Floats


def no_reset(random: Any, constants: Floats, state: Floats, observation: Floats) -> None:
    """Do nothing: the reset of a twin whose starts are drawn beforehand."""


def reset(random: Any, constants: Floats, state: Floats, observation: Floats) -> None:
    """Reset a twin: `compiled` replaces this name, and `step`, by the functions of one twin."""
    raise NotImplementedError


def step(
    random: Any, constants: Floats, state: Floats, action: int, observation: Floats
) -> tuple[float, bool]:
    """Make a step in a twin; replaced as `reset` is."""
    raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Twin:
    """One environment's dynamics without Gymnasium, as plain functions that numba can compile.

    step(random, constants, state, action, observation) -> (reward, terminated): writes the new state
    float64[k] and the new observation float64[dimensions], rounded as the environment rounds it (to
    float32). It draws random numbers with `pcg64.uniform(random)` and `pcg64.integer(random, n)`, where the
    environment uses `np_random.random()` and `np_random.integers(n)`.

    A twin whose `step` draws nothing has start(generator, n), which returns the states [n, k] and
    observations [n, dimensions] after n consecutive resets, drawn from a numpy Generator. Any other twin
    has reset(random, constants, state, observation), which writes a start, and `sizes` (k, dimensions).

    constants: float64[m], the tables that the functions read. arguments: names of keyword arguments of the
    environment that are true or false; the first constants are their values, 1 or 0, by default those of the
    environment.
    """

    step: Callable[..., tuple[float, bool]]
    start: Callable[[np.random.Generator, int], tuple[Floats, Floats]] | None = None
    reset: Callable[..., None] = no_reset
    sizes: tuple[int, int] = (0, 0)
    constants: Floats = field(default_factory=lambda: np.zeros(1))
    arguments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError if an argument has no constant."""
        if len(self.constants) < len(self.arguments):
            raise ValueError(f"constants must begin with the values of {', '.join(self.arguments)}")

    @property
    def modules(self) -> tuple[str, ...]:
        """The names of the modules that define its functions."""
        functions = (getattr(part, "py_func", part) for part in (self.step, self.start, self.reset) if part)
        return tuple(sorted({function.__module__ for function in functions}))

    def given(self, arguments: Mapping[str, Any]) -> Twin | None:
        """Return the twin of the environment with these keyword arguments; None if it has none."""
        if not arguments:
            return self
        if not all(name in self.arguments and isinstance(arguments[name], bool) for name in arguments):
            return None
        constants = self.constants.copy()
        for name, value in arguments.items():
            constants[self.arguments.index(name)] = value
        return replace(self, constants=constants)

    def buffers(self) -> tuple[Floats, Floats]:
        """Return arrays for a state, float64[k], and an observation, float64[dimensions]."""
        if self.start is None:
            return np.zeros(self.sizes[0]), np.zeros(self.sizes[1])
        states, observations = self.starts(np.random.default_rng(0), 1)
        return states[0], observations[0]

    def starts(self, generator: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """Return the states and observations of the next n starts; none if `reset` draws them."""
        if self.start is None:
            return np.zeros((0, self.sizes[0])), np.zeros((0, self.sizes[1]))
        states, observations = self.start(generator, n)
        return np.ascontiguousarray(states, np.float64), np.ascontiguousarray(observations, np.float64)
