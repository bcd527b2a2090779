"""Number formats of a report."""

from __future__ import annotations

import numpy as np


def share_of_optimum(score: float, optimum: float, random: float) -> str:
    """Return a mean return on the scale from random actions, 0%, to the optimum, 100%, as text.

    If the return of random actions is unknown, or is the optimum, the distance to the optimum.
    """
    if np.isnan(optimum):
        return "-"
    if np.isclose(score, optimum, rtol=1e-9, atol=1e-9):
        return "100.0%"
    if score > optimum:
        return "above: luck"
    if np.isnan(random) or np.isclose(random, optimum, rtol=1e-9, atol=1e-9):
        return f"{optimum - score:.3g} below"
    share = f"{(score - random) / (optimum - random):.1%}"
    return "99.9%" if share == "100.0%" else share  # which only the optimum is


def percent(share: float) -> str:
    """Return a share as text; only none is 0%, and only all is 100%."""
    if 0 < share < 0.01:
        return "under 1%"
    return "over 99%" if 0.99 < share < 1 else f"{share:.0%}"


def scale(optimum: float, random: float) -> str:
    """Return both ends of the scale of `share_of_optimum`, as text; empty if there is no scale."""
    if np.isnan(optimum) or np.isnan(random):
        return ""
    ends = f"0% is the return of random actions ({number(random)}), 100% the optimum ({number(optimum)})"
    return f"of optimum: {ends}"


def number(value: float) -> str:
    """Return a number with four significant digits."""
    return f"{value:.4g}"


def with_interval(value: float, low: float, high: float) -> str:
    """Return a number and its interval as text; what is NaN is left out, "-" if the number is."""
    if np.isnan(value):
        return "-"
    return number(value) if np.isnan(low) else f"{number(value)} ({number(low)} to {number(high)})"
