"""Cosine and sine for the twins, which give the bits of libm's, as Gymnasium's environments do."""

from __future__ import annotations

import math

libm_cos, libm_sin = math.cos, math.sin
"""Replaced in compiled loops over several lanes by functions with the same bits that can be vectorised."""


def cos(x: float) -> float:
    """Return the cosine of x, which is less than 10^8 in magnitude."""
    return libm_cos(x)


def sin(x: float) -> float:
    """Return the sine of x, which is less than 10^8 in magnitude."""
    return libm_sin(x)
