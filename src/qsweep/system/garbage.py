"""How often Python looks for garbage that refers to itself."""

from __future__ import annotations

import gc

OBJECTS = 50_000
"""New objects between two looks; by itself Python 3.11 looks after 700."""


def collect_seldom() -> None:
    """From now on, look seldom: what a process imports are a hundred thousand objects, all of which stay.

    To go through them again and again takes a sixth of the time until the first episode.
    """
    gc.set_threshold(OBJECTS)
