"""A message on stderr while numba compiles: the first use of an algorithm on a machine takes seconds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

NOTICE = "qsweep: compiling; this takes some seconds, once per algorithm on this machine"


@contextmanager
def compile_notice() -> Iterator[None]:
    """Print the message, once per process, if numba compiles anything inside; a cache hit does not count."""
    from numba.core import event

    class CompileListener(event.Listener):  # type: ignore[misc]  # numba has no types
        def on_start(self, event: object) -> None:
            _say()

        def on_end(self, event: object) -> None:
            pass

    with event.install_listener("numba:compile", CompileListener()):
        yield


@cache
def _say() -> None:
    print(NOTICE, file=sys.stderr, flush=True)
