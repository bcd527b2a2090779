"""Ids of runs: made where one begins, and shortened for people."""

from __future__ import annotations

import os
import uuid

from qsweep.tracking.stored_run import milliseconds

_VERSION, _VARIANT = 0x7 << 76, 0x2 << 62
_RANDOM = ~(0xF << 76 | 0x3 << 62) & (1 << 80) - 1
"""The bits of a UUID that are neither time (the upper 48 of 128) nor fixed."""


def new_run_id() -> str:
    """32 hexadecimal digits, as MLflow's, of a UUID of version 7 (RFC 9562): ms since 1970, then random bits.

    Two of the indexes of `metrics` begin with a run's id. The rows of the newest run lie at their end, where
    a row costs a third of what it costs in the midst of all others.
    """
    now = milliseconds()
    random = int.from_bytes(os.urandom(10), "big") & _RANDOM
    return uuid.UUID(int=now << 80 | _VERSION | _VARIANT | random).hex


def short(run_id: str) -> str:
    """The end of an id, by which people tell runs apart: those of one hour begin alike."""
    return run_id[-8:]
