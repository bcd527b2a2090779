"""Every registered version of a store, strangers' too."""

from __future__ import annotations

from typing import Any

from qsweep.tracking.store import Store


def every_version(store: Store) -> list[Any]:
    """All registered versions as MLflow gives them; of each model the oldest first."""
    found: list[Any] = []
    token = None
    while True:
        page = store.client.search_model_versions(max_results=1000, page_token=token)
        found += page
        token = page.token
        if not token:
            return sorted(found, key=lambda version: (version.name, int(version.version)))
