"""A twin's compiled dynamics, to be called from tests."""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import boolean, float64, int64, types, uint64, void

from qsweep.learning.compiler.compilation import compiled

RANDOM, FLOATS = uint64[::1], float64[::1]
RESET = void(RANDOM, FLOATS, FLOATS, FLOATS)
STEP = types.Tuple((float64, boolean))(RANDOM, FLOATS, FLOATS, int64, FLOATS)


@cache
def machine_code(function: Any) -> Any:
    """Compile a twin's `reset` or `step`, distinguished by the number of arguments."""
    return compiled(function, STEP if function.__code__.co_argcount == 5 else RESET)
