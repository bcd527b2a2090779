"""A message on stderr while numba compiles: the first use of an algorithm on a machine takes seconds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

BEGIN, END = "qsweep: compiling ", "; this takes some seconds, once on this machine"
_said: list[str] = []


@contextmanager
def compile_notice(what: str = "") -> Iterator[None]:
    """Print the message if numba compiles anything inside; a cache hit does not count.

    what: the algorithm and environment that are compiled. Printed once per process; code without a name is
    not announced if anything else was.
    """
    from numba.core import event

    class CompileListener(event.Listener):  # type: ignore[misc]  # numba has no types
        def on_start(self, event: object) -> None:
            announce(what)

        def on_end(self, event: object) -> None:
            pass

    with event.install_listener("numba:compile", CompileListener()):
        yield


def announce(what: str) -> None:
    """Print the message, unless it was printed in this process or in the one that it is a copy of."""
    if what in _said or (_said and not what):
        return
    _said.append(what)
    print(f"{BEGIN}{what or 'loops'}{END}", file=sys.stderr, flush=True)
