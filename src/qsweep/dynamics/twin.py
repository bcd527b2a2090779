"""What a compiled twin of a Gymnasium environment consists of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import boolean, float64, int64, types

STEP = types.Tuple((float64, boolean))(float64[::1], int64, float64[::1])
"""step(state, action, observation) -> (reward, terminated); writes the new state and observation."""

States = npt.NDArray[np.float64]
Observations = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Twin:
    """One environment's dynamics without Gymnasium.

    start: (generator, n) -> states [n, k] and observations [n, dimensions] after n resets in a row,
    drawn as the environment draws them from a generator seeded by its first reset.
    step: a numba function of the signature `STEP`, compiled with cache=True; observations are
    float64 numbers already rounded as the environment rounds them (to float32).
    """

    start: Callable[[np.random.Generator, int], tuple[States, Observations]]
    step: Callable[[States, int, Observations], tuple[float, bool]]
