"""What to type next, at the end of a run or a multirun."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from qsweep.config import with_slashes
from qsweep.system.start_folder import shown
from qsweep.system.tracking_uri import default_uri
from qsweep.tracking.places import own_place
from qsweep.tracking.store import Store, database_of, local_database
from qsweep.tracking.stored_run import StoredRun

CURVE = Path("figures") / "learning_curve.png"
FILM = ("--video", "agent.mp4")
LONGEST, ID_END = 48, 12
"""The longest name that is typed; the end of its id stands for a run with a longer one."""


def after_run(store: Store, run: StoredRun, env_id: str) -> Iterator[str]:
    """Yield lines with the learning curve of a run, if it is on this machine, and three commands."""
    place = own_place(store, run.artifacts)
    if place and (place / CURVE).is_file():
        yield f"curve     {shown(place / CURVE)}"
    name = with_slashes(run.name, env_id)
    name = run.run_id[-ID_END:] if len(name) > LONGEST or name.startswith("-") else name
    yield from _listed(store, [["play", name, *FILM], ["video", name], ["report", name]])


def after_multirun(store: Store, name: str, models: Sequence[str]) -> Iterator[str]:
    """Yield three commands after a multirun. models: that its best runs were registered as."""
    commands = [["report", name]]
    best = f"{models[0]}@best" if models else ""
    commands += [["play", best, *FILM], ["video", best]] if best else [["runs", name]]
    yield from _listed(store, commands)


def _listed(store: Store, commands: Sequence[Sequence[str]]) -> Iterator[str]:
    elsewhere = [] if _is_default(store) else ["--uri", _named(store)]
    for number, words in enumerate(commands):
        label = "" if number else "next"
        yield f"{label:<10}{shlex.join(['qsweep', *words, *elsewhere])}"


def _is_default(store: Store) -> bool:
    """Return whether commands use a store without being told to."""
    uri = default_uri()
    there = database_of(uri)
    return store.uri == uri if there is None else store.database == there


def _named(store: Store) -> str:
    return "local" if store.database == local_database() else store.uri
