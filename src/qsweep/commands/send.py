"""Upload runs that were saved while a tracking server was unreachable."""

from __future__ import annotations

from qsweep.tracking.client import unsent


def send() -> str:
    """Upload all saved runs; return their number and ids as text."""
    ids = unsent.send()
    return "\n".join([f"{len(ids)} run{'' if len(ids) == 1 else 's'} uploaded", *ids])
