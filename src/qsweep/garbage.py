"""How often Python looks for garbage that refers to itself."""

from __future__ import annotations

import gc

OBJECTS = 50_000
"""New objects between two looks; Python's own is 700."""


def collect_seldom() -> None:
    """Look seldom: a process that starts imports a hundred thousand objects, all of which stay.

    To go through them again and again takes a sixth of the time until the first episode.
    """
    gc.set_threshold(OBJECTS)
