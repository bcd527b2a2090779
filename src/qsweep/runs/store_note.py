"""The note to a user whose store cannot be written directly."""

from __future__ import annotations

import click

from qsweep.errors import printable
from qsweep.tracking.run_search import end_dead
from qsweep.tracking.store import Store, open_tracked


def note(store: Store) -> str:
    """Return why a store is written through MLflow although it is a database; empty if it is not."""
    if not store.differs:
        return ""
    slower = "runs are recorded and read through MLflow's client, which takes longer"
    return f"MLflow's tables are not as qsweep knows them: {printable(store.differs)}; {slower}"


def open_with_note(uri: str) -> Store | None:
    """Open the store of a command that records runs, and print the note; its workers open it without.

    Runs whose process was killed, and that say so nowhere, are marked KILLED.
    """
    store = open_tracked(uri)
    if store is not None:
        end_dead(store)
    if store and note(store):
        click.echo(f"qsweep: {note(store)}", err=True)
    return store
