"""Types of numpy arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
QTable = Floats
"""float64[grid's shape..., actions]: the value of every action in every cell."""
