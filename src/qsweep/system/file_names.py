"""Names of runs, experiments and models as names of files and folders."""

from __future__ import annotations

import hashlib

MAX_BYTES = 200
"""The longest name of a file or folder that is made: file systems allow 255, and some names are extended."""


def fitting(name: str, most: int = MAX_BYTES) -> str:
    """Return a name unchanged if it has at most `most` bytes, else its beginning and a hash of all of it."""
    encoded = name.encode(errors="replace")
    if len(encoded) <= most:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:12]
    return f"{encoded[: most - len(digest) - 1].decode(errors='ignore')}-{digest}"
