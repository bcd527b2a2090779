"""The standard streams of a command: closed ones, readers that have gone, letters that they cannot show."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

GONE = (errno.EPIPE, errno.EIO, errno.ECONNRESET)
"""Errors that mean that nobody reads a stream any more: a pipe's reader or the terminal has gone."""


class _Output(io.FileIO):
    """A stream whose end does not concern the command: what follows goes nowhere.

    failed: another error, such as that of a full disk, for the exit code.
    """

    failed: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all or part of some bytes, as soon as they can be taken."""
        try:
            while (written := super().write(data)) is None:
                select.select([], [self.fileno()], [])
        except OSError as error:
            if error.errno not in GONE:
                self.failed = error
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return memoryview(data).nbytes
        return written


def secure_streams() -> list[_Output]:
    """Make the standard streams of this process safe to use; return the outputs that were replaced.

    A closed one is opened: otherwise the next file, such as the database, would take its place, and messages
    would be written there. Streams that a program has replaced are left as they are.
    """
    for number, mode in enumerate((os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, mode), True)  # it takes the lowest free number
    secured = []
    if sys.stdout is sys.__stdout__:
        secured.append(out := _Output(1, "w", closefd=False))
        sys.stdout = _text(out, sys.stdout, "backslashreplace")
    if sys.stderr is sys.__stderr__:
        secured.append(err := _Output(2, "w", closefd=False))
        sys.stderr = _text(err, sys.stderr, "backslashreplace")
    return secured


def _text(raw: _Output, before: TextIO | None, errors: str) -> TextIO:
    with suppress(OSError, ValueError, AttributeError):
        if before is not None:
            before.flush()
    encoding = getattr(before, "encoding", None) or "utf-8"
    lines = raw.isatty() or raw.fileno() == 2
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors, line_buffering=lines)
