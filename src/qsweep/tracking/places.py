"""Where the files of a store are: below the folder of the database that names them.

MLflow records absolute paths. A local store may be moved, renamed, copied or mounted elsewhere; then the
same files lie below its present folder, whatever path stands in the record. A network location or a folder
elsewhere is used only with --trust: a store may come from somebody else.
"""

from __future__ import annotations

import errno
import re
import stat
from pathlib import Path
from urllib.parse import unquote, urlsplit

from qsweep.errors import Problem, UsageError
from qsweep.system.file_names import fitting
from qsweep.tracking.store import Store

_NAME = r"(?!\.{1,2}(?:/|$))[^/]+"
_FILES = r"(?:[0-9a-f]{32}|models/m-[0-9a-f]{32})/artifacts[^/]*(?:/.+)?"
_EXPERIMENT = rf"artifacts/{_NAME}(?:/{_NAME})?|(?<=/mlruns/)\d+"  # the id of an environment may have a slash
_BELOW = [
    re.compile(rf".*/(?P<below>(?:{_EXPERIMENT})/{_FILES})", re.DOTALL),
    re.compile(rf".*/(?P<below>{_EXPERIMENT})", re.DOTALL),
]
"""Recorded paths. below: the part in the database's folder; MLflow's own runs are in `mlruns/N`."""

_trusting = False


class ForeignPlace(UsageError):
    """A record names files that are not in the store's folder, and the user has not given --trust."""


def trust_places(given: bool = True) -> None:
    """Allow records to name network locations and folders elsewhere; the user gave --trust."""
    global _trusting
    _trusting = given


def places_trusted() -> bool:
    """Return whether records may name network locations and folders elsewhere."""
    return _trusting


def recorded_path(store: Store, location: object) -> Path | None:
    """Return the path that a recorded location names, as MLflow reads it; None for a network location."""
    if not isinstance(location, str) or not location or "\0" in location:
        return None
    if location.startswith("file:"):
        parts = urlsplit(location)
        return Path(unquote(parts.path)) if parts.path.startswith("/") and not parts.netloc else None
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", location):
        return None
    home = home_of(store)
    return home.parent / unquote(location) if home else None


def as_location(folder: Path) -> str:
    """Return a folder's path as an artifact location, in which MLflow decodes %XX.

    From Python 3.14 on, MLflow 3.17 takes what follows # or ? for a part of an address, and leaves it out.
    """
    return str(folder).replace("%", "%25").replace("#", "%23").replace("?", "%3F")


def experiment_folder(artifacts: Path, name: str) -> Path:
    """Return the folder for the files of an experiment, below a store's folder of artifacts."""
    return artifacts / fitting(name.replace("/", "_"))


def home_of(store: Store) -> Path | None:
    """Return the folder in which a local store keeps everything; None for a server."""
    return None if store.artifacts is None else store.artifacts.parent


def own_place(store: Store, location: object) -> Path | None:
    """Return where a recorded location is below the store's present folder; None if it is elsewhere.

    The place need not exist. A link that leaves the store's folder leads elsewhere.
    """
    named, home = recorded_path(store, location), home_of(store)
    if named is None or home is None:
        return None
    if is_inside(store, named):
        return named
    match = next(filter(None, (shape.fullmatch(str(named)) for shape in _BELOW)), None)
    moved = home / match["below"] if match else None
    return moved if moved is not None and is_inside(store, moved) else None


def is_inside(store: Store, path: Path) -> bool:
    """Return whether a path leads into the store's folder, also after following links."""
    assert store.artifacts is not None
    try:
        resolved = path.resolve()
        roots = (store.artifacts.parent.resolve(), store.artifacts.resolve())
    except (OSError, RuntimeError):  # a loop of links, before Python 3.13
        return False
    if _is_loop(resolved):
        return False
    return any(resolved != root and resolved.is_relative_to(root) for root in roots)


def _is_loop(resolved: Path) -> bool:
    """Return whether a resolved path leads through a loop of links, which Python 3.13 leaves as they are."""
    try:
        return stat.S_ISLNK(resolved.lstat().st_mode)
    except OSError as error:
        return error.errno == errno.ELOOP


def place_of(store: Store, location: object) -> Path | None:
    """Return the local folder at a recorded location; None if MLflow's client must reach it.

    Raises ForeignPlace if it is outside a local store's folder and the user has not given --trust.
    """
    if store.artifacts is None:
        return None
    own, named = own_place(store, location), recorded_path(store, location)
    if store.database is None:  # PostgreSQL: its users may work in different folders
        return own if own and (named is None or (own.exists() and not named.exists())) else named
    if own is not None and (not _trusting or own.exists() or named is None or not named.exists()):
        return own
    if not _trusting:
        raise ForeignPlace([foreign(location)])
    return named


def current_location(store: Store, location: str) -> str:
    """Return a recorded location, or that of the same folder in the present store. Raises as `place_of`."""
    place = place_of(store, location)
    return location if place is None or place == recorded_path(store, location) else as_location(place)


def foreign(location: object) -> Problem:
    """Return the problem of a location outside the store's folder."""
    rule = "the store names files outside its own folder, which are not accessed"
    remedy = "if you trust the store: --trust"
    return Problem("tracking.uri", rule, "no location" if location is None else str(location), remedy)
