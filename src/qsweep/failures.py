"""Failures of disks, databases and servers: the world's, told from those of the code, in a line."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

PACKAGES = ("sqlalchemy", "mlflow", "requests", "urllib3", "psycopg")
"""Whose errors tell of a store that fails."""


def failure_of_the_store(error: BaseException) -> str:
    """What failed, in a line, where it is a disk, a database or a server; otherwise empty.

    Their errors come wrapped in several: the innermost says what it was.
    """
    told = [each for each in _causes(error) if _is_of_the_world(each)]
    return " ".join(str(told[-1]).split())[:300] if told else ""


def _is_of_the_world(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno is not None  # pyarrow's and others' own have none
    return isinstance(error, sqlite3.Error) or type(error).__module__.partition(".")[0] in PACKAGES


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__
