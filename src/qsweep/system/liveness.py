"""Live processes: each holds a lock on a file, which the system frees however the process ends.

The file is `multirun/.alive/HOST-PROCESS`. A process number alone is not enough, because numbers are reused.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import os
import re
import secrets
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from qsweep.errors import Problem, UsageError
from qsweep.system.start_folder import start_folder

FOLDER = Path("multirun") / ".alive"
"""The default folder of the files, relative to the one in which the command was started."""
HOST, PROCESS, HEARTBEAT = "qsweep.host", "qsweep.process", "qsweep.alive"
"""Tags of a run: the two parts of its owner, and the time of its last heartbeat, in Unix seconds."""
QUIET_SECONDS = 600.0
"""A run on another machine counts as dead after this time without a heartbeat."""
CLOCKS_SECONDS = 600.0
"""The largest difference between two machines' clocks that is tolerated."""


@dataclass(frozen=True)
class Owner:
    """A process on a host. process: its number, a random token, and a hash of the folder of its file."""

    host: str
    process: str

    @property
    def tags(self) -> dict[str, str]:
        """Tags of a run that this process owns."""
        return {HOST: self.host, PROCESS: self.process}


def owner_of(tags: Mapping[str, str]) -> Owner | None:
    """Return the owner that a run's tags name; None if they name none."""
    owner = Owner(tags.get(HOST, ""), tags.get(PROCESS, ""))
    return owner if owner.host and _parts(owner) else None


def last_heartbeat(tags: Mapping[str, str]) -> float:
    """Return the time of a run's last heartbeat, in Unix seconds; 0 if its tags have none.

    Anybody can write a tag: an unreadable time, or one in the future, counts as none.
    """
    with suppress(ValueError):
        seconds = float(tags.get(HEARTBEAT, 0))
        return seconds if 0 < seconds <= time.time() + CLOCKS_SECONDS else 0.0
    return 0.0


def announce(folder: Path = FOLDER) -> Owner:
    """Lock a file for this process, once per folder, until the process ends; return its owner.

    Raises UsageError if the folder cannot be written.
    """
    resolved = _resolved(folder)
    if resolved not in _locked:
        try:
            resolved.mkdir(parents=True, exist_ok=True)
            _locked[resolved] = _lock_new_file(resolved)
        except OSError as error:
            rule = "must be a folder that can be written"
            raise UsageError([Problem(str(folder), rule, None, str(error))]) from None
    return _locked[resolved][0]


def is_alive(owner: Owner, folder: Path = FOLDER) -> bool | None:
    """Return whether a process is alive; None if that is unknown here, as for every other host's process.

    The file of a dead process is removed.
    """
    parts = _parts(owner)
    if owner.host != socket.gethostname() or not parts:
        return None
    number, folder_hash = parts
    resolved = _resolved(folder)
    file = _file(resolved, owner)
    if folder_hash == _folder_hash(resolved) or file.exists():  # the folder was moved with the file in it
        return not _removed_if_dead(file)
    return None if is_running(number) else False


def remove_dead(folder: Path = FOLDER) -> list[Path]:
    """Remove the files of this host's dead processes; return them."""
    files = _resolved(folder).glob(f"{_safe(socket.gethostname())}-*")
    return [file for file in sorted(files) if file.is_file() and _removed_if_dead(file)]


_locked: dict[Path, tuple[Owner, int]] = {}
"""Folder -> this process's owner there, and the handle that holds the lock."""


def _lock_new_file(folder: Path) -> tuple[Owner, int]:
    while True:
        process = f"{os.getpid()}-{secrets.token_hex(8)}-{_folder_hash(folder)}"
        owner = Owner(socket.gethostname(), process)
        handle = os.open(_file(folder, owner), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        if _lock(handle, exclusive=True) and os.fstat(handle).st_nlink:
            return owner, handle
        os.close(handle)  # another process saw it unlocked, and removed it


def _removed_if_dead(file: Path) -> bool:
    """Remove a file that no process has locked; return whether it is gone. File names are never reused."""
    try:
        handle = os.open(file, os.O_RDWR)
    except FileNotFoundError:
        return True
    except OSError:
        return False  # another user's
    try:
        free = _lock(handle, exclusive=False)  # shared, so that two processes can check at the same time
        if free:
            file.unlink(missing_ok=True)
    finally:
        os.close(handle)
    return free


def _lock(handle: int, exclusive: bool) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_NB | (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH))
    except BlockingIOError:
        return False
    return True


def is_running(number: int) -> bool:
    """Return whether a process with this number exists now."""
    try:
        os.kill(number, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def _resolved(folder: Path) -> Path:
    return (start_folder() / folder).resolve()


def _parts(owner: Owner) -> tuple[int, str] | None:
    """Return a process's number and its folder's hash; None unless `announce` wrote them."""
    match = re.fullmatch(r"([1-9]\d{0,9})-[0-9a-f]{16}-([0-9a-f]{12})", owner.process)
    return (int(match[1]), match[2]) if match else None


def _file(folder: Path, owner: Owner) -> Path:
    return folder / f"{_safe(owner.host)}-{owner.process}"


def _folder_hash(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]


def _safe(host: str) -> str:
    return re.sub(r"[^\w.-]", "_", host)


def _remove_files() -> None:
    for folder, (owner, _) in _locked.items():
        with suppress(OSError):
            _file(folder, owner).unlink()


def _release_after_fork() -> None:
    """Close the parent's handles in a forked child, which must not keep the parent's locks."""
    for _, handle in _locked.values():
        with suppress(OSError):
            os.close(handle)
    _locked.clear()


atexit.register(_remove_files)
os.register_at_fork(after_in_child=_release_after_fork)
