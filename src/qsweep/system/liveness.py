"""Which processes are alive: each holds a file locked, and the system frees the lock however it ends.

The file is `multirun/.alive/HOST-PROCESS`. A process number alone says nothing, for it is given again.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import re
import secrets
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from qsweep.errors import Problem, UsageError

FOLDER = Path("multirun") / ".alive"
"""Where the files lie, unless told otherwise; of the current folder."""
HOST, PROCESS, HEARTBEAT = "qsweep.host", "qsweep.process", "qsweep.alive"
"""Tags of a run: the two parts of its owner, and when it was last heard of, in Unix seconds."""
CLOCKS_SECONDS = 600.0
"""How far the clocks of two machines may lie apart."""


@dataclass(frozen=True)
class Owner:
    """A process on a host. process: its number, a random token, and a hash of the folder of its file."""

    host: str
    process: str

    @property
    def tags(self) -> dict[str, str]:
        """The tags of a run that this process owns."""
        return {HOST: self.host, PROCESS: self.process}


def owner_of(tags: Mapping[str, str]) -> Owner | None:
    """Who owns the run that has these tags; None where they do not say."""
    owner = Owner(tags.get(HOST, ""), tags.get(PROCESS, ""))
    return owner if owner.host and _parts(owner) else None


def last_heard(tags: Mapping[str, str]) -> float:
    """When the process of a run gave its last sign of life, in Unix seconds; 0 where the tags do not say.

    A tag is anybody's: one that says nothing, or tells of times to come, counts for none.
    """
    with suppress(ValueError):
        heard = float(tags.get(HEARTBEAT, 0))
        return heard if 0 < heard <= time.time() + CLOCKS_SECONDS else 0.0
    return 0.0


def announce(folder: Path = FOLDER) -> Owner:
    """Lock the file of this process, once for each folder; it is held until the process ends.

    Raises UsageError where the folder cannot be written.
    """
    here = folder.resolve()
    if here not in _held:
        try:
            here.mkdir(parents=True, exist_ok=True)
            _held[here] = _announced(here)
        except OSError as error:
            rule = "must be a folder that can be written"
            raise UsageError([Problem(str(folder), rule, None, str(error))]) from None
    return _held[here][0]


def is_alive(owner: Owner, folder: Path = FOLDER) -> bool | None:
    """Whether a process lives; None where that cannot be told from here, above all of another host's.

    The file of a dead one is removed.
    """
    parts = _parts(owner)
    if owner.host != _host() or not parts:
        return None
    number, place = parts
    here = folder.resolve()
    if place == _place(here) and _LOCKS:
        return not _removed(_file(here, owner))
    return None if is_running(number) else False


def remove_dead(folder: Path = FOLDER) -> list[Path]:
    """Remove the files of this host's dead processes; returns them."""
    files = folder.resolve().glob(f"{_safe(_host())}-*") if _LOCKS else ()
    return [file for file in sorted(files) if file.is_file() and _removed(file)]


_LOCKS = sys.platform != "win32"
_held: dict[Path, tuple[Owner, int]] = {}
"""Folder -> this process's owner there, and the handle that holds the lock."""


def _announced(here: Path) -> tuple[Owner, int]:
    while True:
        process = f"{os.getpid()}-{secrets.token_hex(8)}-{_place(here)}"
        owner = Owner(_host(), process)
        handle = os.open(_file(here, owner), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        if not _LOCKS or (_lock(handle, exclusive=True) and os.fstat(handle).st_nlink):
            return owner, handle
        os.close(handle)  # taken for a dead one's between the two calls


def _removed(file: Path) -> bool:
    """Whether no process holds a file, which then is gone. Names are never given twice, so it stays so."""
    try:
        handle = os.open(file, os.O_RDWR)
    except FileNotFoundError:
        return True
    except OSError:
        return False  # somebody else's
    try:
        free = _lock(handle, exclusive=False)  # shared: who looks at the same time sees what we see
        if free:
            file.unlink(missing_ok=True)
    finally:
        os.close(handle)
    return free


def _lock(handle: int, exclusive: bool) -> bool:
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_NB | (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH))
    except BlockingIOError:
        return False
    return True


def is_running(number: int) -> bool:
    """Whether some process has this number now."""
    if sys.platform == "win32":
        import ctypes

        query, still_active = 0x1000, 259
        handle = ctypes.windll.kernel32.OpenProcess(query, False, number)
        code = ctypes.c_ulong()
        found = ctypes.windll.kernel32.GetExitCodeProcess(handle, ctypes.byref(code))
        ctypes.windll.kernel32.CloseHandle(handle)
        return bool(found) and code.value == still_active
    try:
        os.kill(number, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def _parts(owner: Owner) -> tuple[int, str] | None:
    """Number and place of a process; None for what `announce` did not write: tags are anybody's."""
    match = re.fullmatch(r"([1-9]\d{0,9})-[0-9a-f]{16}-([0-9a-f]{12})", owner.process)
    return (int(match[1]), match[2]) if match else None


def _file(here: Path, owner: Owner) -> Path:
    return here / f"{_safe(owner.host)}-{owner.process}"


def _place(here: Path) -> str:
    return hashlib.sha256(os.fsencode(here)).hexdigest()[:12]


def _host() -> str:
    return socket.gethostname()


def _safe(host: str) -> str:
    return re.sub(r"[^\w.-]", "_", host)


def _leave() -> None:
    """At exit: the files go; the system frees the locks."""
    for here, (owner, _) in _held.items():
        with suppress(OSError):
            _file(here, owner).unlink()


def _forked() -> None:
    """In a forked child: the parent's lock is not this process's to hold."""
    for _, handle in _held.values():
        with suppress(OSError):
            os.close(handle)
    _held.clear()


atexit.register(_leave)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
