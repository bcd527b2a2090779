"""Every registered version of a store, strangers' too."""

from __future__ import annotations

from typing import Any

from qsweep.tracking.paging import every_result
from qsweep.tracking.store import Store


def every_version(store: Store) -> list[Any]:
    """All registered versions as MLflow gives them; of each model the oldest first."""
    found = every_result(store.client.search_model_versions)
    return sorted(found, key=lambda version: (version.name, int(version.version)))
