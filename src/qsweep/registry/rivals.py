"""Who has a name in the end where several machines may move it, as they may on a server.

No lock covers two machines, so who moves the name looks again afterwards. Every candidate is a version
before it is compared, and every move of the name is followed by a look at all versions that have come
lately: whoever moves it last has seen all that were there, and the best stays.
"""

from __future__ import annotations

from collections.abc import Callable

from qsweep.registry.versions import ClientVersions, Version

LATELY_SECONDS = 600.0
"""More than any machine takes from making its version to moving the name."""
Beats = Callable[[Version, Version], bool]
"""Whether a version displaces another."""


def settle(versions: ClientVersions, name: str, alias: str, ours: str, beats: Beats) -> Version:
    """Move an alias that was given to our version on to any that beats its holder, until there is none.

    Returns the version that holds it. What came long before ours is left alone, whatever it is worth.
    """
    while True:
        holder = versions.holder(name, alias)
        lately = versions.since(name, ours, LATELY_SECONDS)
        better = next((version for version in lately if beats(version, holder)), None)
        if better is None:
            return holder
        versions.set_alias(name, alias, better.number)
