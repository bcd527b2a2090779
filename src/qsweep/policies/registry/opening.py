"""The registry of a store, opened the fastest way it allows."""

from __future__ import annotations

from qsweep.policies.registry.client_versions import ClientVersions
from qsweep.policies.registry.versions import Versions
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import StoredRun
from qsweep.tracking.table_tracker import is_plain_folder


def versions_in(store: Store, run: StoredRun) -> Versions:
    """Return the registry of a run's store, reached without MLflow where the run lies in a local one."""
    if store.tables is None or store.database is None or not is_plain_folder(run.artifacts):
        return ClientVersions(store)
    from qsweep.policies.registry.local_versions import LocalVersions

    return LocalVersions(store, store.tables.database)
