"""What a compiled twin of a Gymnasium environment consists of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def keep(random: Any, constants: Floats, state: Floats, observation: Floats) -> None:
    """The reset of a twin whose starts are drawn beforehand."""


def reset(random: Any, constants: Floats, state: Floats, observation: Floats) -> None:
    """What a twin does at a reset: `compiled` puts its own in place of this and what is below."""
    raise NotImplementedError


def step(
    random: Any, constants: Floats, state: Floats, action: int, observation: Floats
) -> tuple[float, bool]:
    """What a twin does at a step."""
    raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Twin:
    """One environment's dynamics without Gymnasium, as plain functions that numba can compile.

    step(random, constants, state, action, observation) -> (reward, terminated): writes the new state
    float64[k] and the new observation float64[dimensions], rounded as the environment rounds it (to
    float32). What it draws it draws by `pcg64.uniform(random)`, as the environment by `np_random.random()`.

    One of: start(generator, n) -> states [n, k] and observations [n, dimensions] after n resets in a
    row, from a numpy Generator, for a `step` that draws nothing; reset(random, constants, state,
    observation), which writes them, for one that does, and then `sizes` says k and dimensions.

    constants: float64[m], whatever the functions look up.
    """

    step: Callable[..., tuple[float, bool]]
    start: Callable[[np.random.Generator, int], tuple[Floats, Floats]] | None = None
    reset: Callable[..., None] = keep
    sizes: tuple[int, int] = (0, 0)
    constants: Floats = field(default_factory=lambda: np.zeros(1))

    def room(self) -> tuple[Floats, Floats]:
        """Arrays for a state and an observation."""
        if self.start is None:
            return np.zeros(self.sizes[0]), np.zeros(self.sizes[1])
        states, observations = self.starts(np.random.default_rng(0), 1)
        return states[0], observations[0]

    def starts(self, generator: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """The next n starts, or none where they are drawn on the way."""
        if self.start is None:
            return np.zeros((0, self.sizes[0])), np.zeros((0, self.sizes[1]))
        states, observations = self.start(generator, n)
        return np.ascontiguousarray(states, np.float64), np.ascontiguousarray(observations, np.float64)
