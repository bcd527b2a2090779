"""Numbers as people write them."""

from __future__ import annotations

import numpy as np


def share_of_optimum(score: float, optimum: float) -> str:
    """How near a mean return comes to the best that can be expected, in words.

    The quotient of the two, the smaller by the larger in absolute value, where both have one sign.
    """
    if np.isnan(optimum):
        return "-"
    if score >= optimum:
        return "100.0%" if score == optimum else "above: luck"
    if optimum > 0 and score > 0:
        return f"{score / optimum:.1%}"
    return f"{optimum / score:.1%}" if optimum < 0 else f"{optimum - score:.3g} below"


def number(value: float) -> str:
    """A return as people write it: four digits, whatever its size."""
    return f"{value:.4g}"


def with_interval(value: float, low: float, high: float) -> str:
    """Return a number and its interval, each where it is known."""
    if np.isnan(value):
        return "-"
    return number(value) if np.isnan(low) else f"{number(value)} ({number(low)} to {number(high)})"
