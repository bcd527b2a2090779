"""Types of numpy arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
QTable = Floats
"""float64[grid's shape..., actions]: the value of every action in every cell."""


def is_finite(values: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return which numbers are finite, also in a store: MLflow records infinity as the largest float."""
    return np.asarray(np.abs(np.asarray(values, np.float64)) < np.finfo(np.float64).max)
