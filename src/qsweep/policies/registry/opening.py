"""The registry of a store, opened the fastest way it allows."""

from __future__ import annotations

from qsweep.policies.registry.client_versions import ClientVersions
from qsweep.policies.registry.versions import Versions
from qsweep.tracking.store import Store
from qsweep.tracking.table_tracker import is_plain_folder
from qsweep.tracking.tables import run_rows


def versions_in(store: Store, run_id: str) -> Versions:
    """The registry of a store, reached without MLflow where the run lies in a local one."""
    if store.tables is not None and store.database is not None:
        found = run_rows.find_run(store.tables.database, run_id)
        if found is not None and is_plain_folder(found.artifacts):
            from qsweep.policies.registry.local_versions import LocalVersions

            return LocalVersions(store.tables.database)
    return ClientVersions(store)
