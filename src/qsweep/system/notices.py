"""Notices on stderr about what is left out of a result; each is given once in a process."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from qsweep.errors import printable

MOST = 10
"""Largest number of notices that are printed one by one of those that come together."""

_given: set[str] = set()


def left_out(reasons: Iterable[str]) -> None:
    """Say on stderr what is left out and why, unless it was said before."""
    new = [reason for reason in dict.fromkeys(reasons) if reason not in _given]
    _given.update(new)
    for reason in new[:MOST]:
        print(f"qsweep: left out: {printable(reason)}", file=sys.stderr)
    if len(new) > MOST:
        print(f"qsweep: left out: {len(new) - MOST:,} more", file=sys.stderr)
