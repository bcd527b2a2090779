"""A twin's dynamics as machine code, for kernels that take them as arguments."""

from __future__ import annotations

from functools import cache
from typing import Any

from qsweep.learning.compiler.compilation import compiled


@cache
def signatures() -> tuple[Any, Any]:
    """The numba signatures of `reset` and `step`."""
    from numba import boolean, float64, int64, types, uint64, void

    random, floats = uint64[::1], float64[::1]
    step = types.Tuple((float64, boolean))(random, floats, floats, int64, floats)
    return void(random, floats, floats, floats), step


@cache
def machine_code(function: Any) -> Any:
    """A twin's `reset` or `step`, compiled: kernels take it as an argument, so they serve every twin."""
    reset, step = signatures()
    return compiled(function, step if function.__code__.co_argcount == 5 else reset)
