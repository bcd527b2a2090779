"""The end of a command's process: at once, instead of freeing every module and object first."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable

_foreign = False


def note_foreign_code() -> None:
    """Remember that foreign code runs in this process: freeing it may do something, such as close a file."""
    global _foreign
    _foreign = True


def leaving_at_once(command: Callable[[], object]) -> None:
    """Execute a command that raises SystemExit; end the process right after its exit functions.

    Freeing a few thousand modules takes a fifth of a short command. Python frees them as usual after an
    exception, if output cannot be flushed, and where foreign code has run.
    """
    codes: list[int] = []

    def leave() -> None:
        if not codes or _foreign:
            return
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except (OSError, ValueError):
            return
        os._exit(codes[0])

    atexit.register(leave)  # before all others, so that it is called after them, and after threads have ended
    try:
        command()
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            codes.append((ended.code or 0) & 0xFF)
        raise
