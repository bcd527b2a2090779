"""Number formats of a report."""

from __future__ import annotations

import numpy as np


def share_of_optimum(score: float, optimum: float) -> str:
    """Return a mean return relative to the optimum, as text.

    A percentage if both have the same sign (the smaller absolute value over the larger), else the distance.
    """
    if np.isnan(optimum):
        return "-"
    if score >= optimum:
        return "100.0%" if score == optimum else "above: luck"
    if optimum > 0 and score > 0:
        return f"{score / optimum:.1%}"
    return f"{optimum / score:.1%}" if optimum < 0 else f"{optimum - score:.3g} below"


def number(value: float) -> str:
    """Return a number with four significant digits."""
    return f"{value:.4g}"


def with_interval(value: float, low: float, high: float) -> str:
    """Return a number and its interval as text; what is NaN is left out, "-" if the number is."""
    if np.isnan(value):
        return "-"
    return number(value) if np.isnan(low) else f"{number(value)} ({number(low)} to {number(high)})"
