"""The frequency of Python's collection of reference cycles."""

from __future__ import annotations

import gc

OBJECTS = 50_000
"""New objects between two collections; Python 3.11's default is 700."""


def collect_less_often() -> None:
    """Collect reference cycles less often from now on.

    Imports create a hundred thousand objects that all stay. Scanning them over and over takes a sixth of
    the time until the first episode.
    """
    gc.set_threshold(OBJECTS)
