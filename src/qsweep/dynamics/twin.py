"""What a compiled twin of a Gymnasium environment consists of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from qsweep.compiling import compiled

Floats = npt.NDArray[np.float64]


def keep(generator: Any, constants: Floats, state: Floats, observation: Floats) -> None:
    """The reset of a twin whose starts are drawn beforehand."""


@dataclass(frozen=True, eq=False)
class Twin:
    """One environment's dynamics without Gymnasium, as plain functions that numba can compile.

    step(generator, constants, state, action, observation) -> (reward, terminated): writes the new state
    float64[k] and the new observation float64[dimensions], rounded as the environment rounds it (to
    float32). What it draws it draws from `generator` (a numpy Generator), as the environment does.

    One of: start(generator, n) -> states [n, k] and observations [n, dimensions] after n resets in a
    row, for a `step` that draws nothing; reset(generator, constants, state, observation), which writes
    them, for one that does, and then `sizes` says k and dimensions.

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
        states, observations = self.start(np.random.default_rng(0), 1)
        return states[0], observations[0]

    def starts(self, generator: np.random.Generator, n: int) -> tuple[Floats, Floats]:
        """The next n starts, or none where they are drawn on the way."""
        if self.start is None:
            return np.zeros((0, self.sizes[0])), np.zeros((0, self.sizes[1]))
        return self.start(generator, n)


@cache
def signatures() -> tuple[Any, Any]:
    """The numba signatures of `reset` and `step`."""
    from numba import boolean, float64, int64, typeof, types, void

    generator, floats = typeof(np.random.default_rng(0)), float64[::1]
    step = types.Tuple((float64, boolean))(generator, floats, floats, int64, floats)
    return void(generator, floats, floats, floats), step


@cache
def machine_code(function: Any) -> Any:
    """A twin's `reset` or `step`, compiled: kernels take it as an argument, so they serve every twin."""
    reset, step = signatures()
    return compiled(function, step if function.__code__.co_argcount == 5 else reset)
