"""`best` on a server, where no lock covers two machines: who moves it looks again afterwards.

Every candidate is a version before it is compared, and every move of the name is followed by a look at all
versions that have come since. So whoever moves it last has seen all that were there, and the best stays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qsweep.tracking.store import Store, literal

Beats = Callable[[Any, Any], bool]
"""Whether a version displaces another."""


def settle(store: Store, name: str, alias: str, since: int, beats: Beats) -> Any:
    """Move an alias on to any version above `since` that beats its holder, until there is none.

    Returns the version that holds it.
    """
    while True:
        holder = store.client.get_model_version_by_alias(name, alias)
        since_then = (found for found in _versions(store, name) if int(found.version) > since)
        better = next((version for version in since_then if beats(version, holder)), None)
        if better is None:
            return holder
        store.client.set_registered_model_alias(name, alias, better.version)


def _versions(store: Store, name: str) -> list[Any]:
    found: list[Any] = []
    token = None
    while True:
        page = store.client.search_model_versions(f"name = {literal(name)}", page_token=token)
        found += page
        token = page.token
        if not token:
            return found
