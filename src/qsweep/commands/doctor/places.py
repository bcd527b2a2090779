"""Recorded places: of a store that was moved or copied, and of files outside the store's folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from qsweep.commands.doctor.defect import Defect, Workspace
from qsweep.tracking.places import as_location, own_place, recorded_path
from qsweep.tracking.store import Store
from qsweep.tracking.tables.registry_rows import places
from qsweep.tracking.tables.sqlite_database import SqliteDatabase

MOVED, FOREIGN = "moved store", "foreign files"
Change = tuple[str, str, str, int]
"""Table, column, new value, row."""


def defects(workspace: Workspace) -> Iterator[Defect]:
    """Yield one defect for each former folder of the store, and one for each place outside it."""
    store = workspace.store
    if store.database is None or store.artifacts is None:
        return
    moved: dict[str, list[Change]] = defaultdict(list)
    elsewhere: dict[tuple[str, Any], list[Any]] = defaultdict(list)
    for table, column, row, owner, value in places(SqliteDatabase(store.database)):
        if table == "model_versions" and str(value).startswith("models:/"):
            continue
        own, named = own_place(store, value), recorded_path(store, value)
        if own is None:
            elsewhere[table, owner].append(value)
        elif own != named and (own.exists() or not _holds_results(workspace, table, owner)):
            below = own.relative_to(store.artifacts.parent)
            before = str(named).removesuffix(str(below))
            moved[before].append((table, column, as_location(own), row))
    for before, changes in sorted(moved.items()):
        count = f"{len(changes)} record{'s' if len(changes) > 1 else ''}"
        verb = "name" if len(changes) > 1 else "names"
        details = f"{count} {verb} {before}; qsweep finds the files here, MLflow does not"
        remedy = f"re-pointed to {store.artifacts.parent}"
        yield Defect(MOVED, str(store.database), details, remedy, partial(_repoint, store, changes))
    for (table, owner), values in elsewhere.items():
        what = f"{table.removesuffix('s').replace('_', ' ')} {owner}"
        advice = "left as they are; if you trust the store, other commands use them with --trust"
        yield Defect(FOREIGN, what, f"outside the store's folder: {values[0]}", advice)


def _holds_results(workspace: Workspace, table: str, owner: Any) -> bool:
    """Return whether a record without files here may have them at the place that it names."""
    if table == "experiments":
        return False
    run = workspace.runs.get(str(owner))
    return table != "runs" or run is None or (run.trained and run.status == "FINISHED")


def _repoint(store: Store, changes: Sequence[Change]) -> None:
    assert store.database is not None

    def change(transaction: Any) -> None:
        for table, column, value, row in changes:
            transaction.run(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", [(value, row)])  # noqa: S608

    SqliteDatabase(Path(store.database)).write(change)
