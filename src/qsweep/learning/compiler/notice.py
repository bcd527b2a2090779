"""A line on stderr while numba compiles: the first use of an algorithm on a machine takes some seconds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

NOTICE = "qsweep: compiling; this takes some seconds, once per algorithm on this machine"


@contextmanager
def announced() -> Iterator[None]:
    """Say so, once in a process, if anything is compiled within; what comes from numba's cache is not."""
    from numba.core import event

    class Starts(event.Listener):  # type: ignore[misc]  # numba has no types
        def on_start(self, event: object) -> None:
            _say()

        def on_end(self, event: object) -> None:
            pass

    with event.install_listener("numba:compile", Starts()):
        yield


@cache
def _say() -> None:
    print(NOTICE, file=sys.stderr, flush=True)
