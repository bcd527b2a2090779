"""An agent's random numbers, computed independently of it with arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

GAMMA = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)


def uniforms(key: int, first: int, count: int) -> npt.NDArray[np.float64]:
    """Return draws `first` to `first + count - 1` of the stream `key`, uniform in [0, 1), float64[count]."""
    counter = np.arange(first, first + count, dtype=np.uint64)
    z = np.uint64(key) + counter * GAMMA
    z = (z ^ (z >> np.uint64(30))) * MIX_1
    z = (z ^ (z >> np.uint64(27))) * MIX_2
    z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53
