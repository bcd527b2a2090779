"""Compiled functions on disk, in the user's cache folder: a function is compiled once per machine.

numba keeps them beside the source, so that every checkout and environment compiles all of them anew.
"""

from __future__ import annotations

import hashlib
import platform
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock
from numba.core import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache

from qsweep.system.atomic_files import user_cache

DAYS = 30
"""Age at which a file is deleted, so that developers' edits do not fill the disk; users compile again."""


LONGEST = 60.0
"""Seconds to wait for a process that compiles the same; it may have been stopped."""


class _Locator:
    """The folder, and what must be the same for a file in it to be used.

    The source is not part of that: its digest is in the function's name.
    """

    def __init__(self, folder: Path, py_file: str) -> None:
        self._folder, self._py_file = folder, py_file

    @classmethod
    def from_function(cls, _: Any, py_file: str) -> _Locator | None:
        """Return None if the folder cannot be written, or the user names another to numba."""
        if config.CACHE_DIR:
            return None
        try:
            return cls(_folder(), py_file)
        except OSError:
            return None

    def ensure_cache_path(self) -> None:
        """Create the folder, if it has been deleted, and delete old files."""
        self._folder.mkdir(parents=True, exist_ok=True)
        _delete_old(self._folder)

    def get_cache_path(self) -> str:
        """Return the folder."""
        return str(self._folder)

    def get_source_stamp(self) -> str:
        """Return the versions of all that makes machine code."""
        return _versions()

    def get_disambiguator(self) -> str:
        """Return a part of the file's name; names of functions differ already, because they hold a digest."""
        return "kernel"


class _Kernels(CompileResultCacheImpl):  # type: ignore[misc]  # numba has no types
    _locator_classes = (_Locator, *CompileResultCacheImpl._locator_classes)


class KernelCache(FunctionCache):  # type: ignore[misc]  # numba has no types
    """numba's cache of one function, in that folder; where it cannot be written, where numba puts it."""

    _impl_class = _Kernels

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        self._lock = FileLock(Path(self.cache_path, f"{function.__name__}.lock"), timeout=LONGEST)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let one process compile at a time: one that finds no code waits for it to be compiled elsewhere."""
        try:
            yield
        finally:
            self._lock.release()

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return compiled code, or None if there is none or it cannot be read.

        numba would first load what it compiles with, which machine code does not need: ten times the time.
        It does so later, should it compile something.
        """
        found = self._loaded(sig, target_context)
        if found is None:
            with suppress(OSError, NotImplementedError):  # Timeout is one; some disks know no locks
                self._lock.acquire()
            found = self._loaded(sig, target_context)
        return found

    def _loaded(self, sig: Any, target_context: Any) -> Any:
        with suppress(OSError):
            return self._load_overload(sig, target_context)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Save compiled code; without room for it, the next process compiles again."""
        with suppress(OSError):
            super().save_overload(sig, data)


@cache
def _folder() -> Path:
    digest = hashlib.sha256(_versions().encode()).hexdigest()[:8]
    folder = user_cache() / "kernels" / digest
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()  # raises if it cannot be written
    return folder


@cache
def _versions() -> str:
    sources = sorted(Path(__file__).parent.glob("*.py"))
    compiler = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    packages = [f"{name} {version(name)}" for name in ("numba", "llvmlite", "numpy")]
    return f"Python {platform.python_version()}, {', '.join(packages)}, {compiler}"


def _delete_old(folder: Path) -> None:
    for file in folder.parent.glob("*/*"):
        with suppress(OSError):  # another process was faster, or it is somebody else's
            if file.stat().st_mtime < time.time() - DAYS * 86_400:
                file.unlink()
