"""The errors that a user sees: problems with their input, all reported at once, and failures of a run."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches

LISTED = 50
"""The maximum number of valid words that a remedy lists."""
MAX_ERROR_LENGTH = 500
"""The maximum number of letters of another program's error that are shown."""


@dataclass(frozen=True)
class Problem:
    """One invalid input: the key, the rule it breaks, the value given and, if there is one, the remedy.

    As text it is one line of printable characters, because parts of it may come from an untrusted store,
    and passwords of URIs are hidden.
    """

    key: str
    rule: str
    given: object = None
    remedy: str = ""

    def __str__(self) -> str:
        given = "" if self.given is None else f"; given {shortened(repr(self.given))}"
        remedy = f" ({self.remedy})" if self.remedy else ""
        key = f"{shortened(self.key)}: "
        return printable("".join(map(without_password, (key, self.rule, given, remedy))))


class Failure(Exception):
    """Something that the program needs has failed; the message tells the user what. The exit code is 1."""

    def _render_traceback_(self) -> list[str]:
        """Return the message that a notebook shows instead of a traceback."""
        return [f"qsweep: {printable(self)}"]


class UsageError(Exception):
    """The user's input cannot be used; carries every problem that was found. The exit code is 2."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple({str(problem): problem for problem in problems}.values())
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def _render_traceback_(self) -> list[str]:
        """Return the lines that a notebook shows instead of a traceback."""
        return [f"qsweep: {problem}" for problem in self.problems]


@contextmanager
def collecting(problems: list[Problem]) -> Iterator[None]:
    """Add the problems of a UsageError to a list instead of raising it."""
    try:
        yield
    except UsageError as error:
        problems += error.problems


def printable(text: object) -> str:
    """Return an untrusted text as one line for a terminal, with ? in place of control characters."""
    one_line = re.sub(r"\s+", " ", str(text)) if "\n" in str(text) else str(text)
    if one_line.isprintable():
        return one_line
    return "".join(letter if letter.isprintable() else "?" for letter in one_line)


def escaped(text: str) -> str:
    """Return an untrusted text with escapes in place of letters that cannot be seen."""
    if text.isprintable():
        return text
    seen = (a if a.isprintable() or a in "\n\t" else a.encode("unicode_escape").decode() for a in text)
    return "".join(seen)


def shortened(text: str) -> str:
    """Return a text of at most MAX_ERROR_LENGTH letters, without its middle."""
    half = MAX_ERROR_LENGTH // 2
    return text if len(text) <= 2 * half else f"{text[:half]}...{text[-half:]}"


def text_of(value: object, how: Callable[[object], str] = repr) -> str:
    """Return `how(value)` of a foreign object; its type if that fails, as of an integer of 5,000 digits."""
    try:
        return how(value)
    except Exception:
        return f"<{type(value).__name__}>"


def one_line(error: object, kind: bool = False) -> str:
    """Return an error's message as one line of limited length; kind: with the name of its type before it."""
    message = text_of(error, str)
    message = f"{type(error).__name__}: {message}" if kind else message
    return " ".join(message.split())[:MAX_ERROR_LENGTH]


def without_password(uri: str) -> str:
    """Return a URI with its password, or everything before its @, replaced by ***."""
    return re.sub(r"(password=)[^&\s]*", r"\1***", re.sub(r"//.*@", "//***@", uri))


def closest(word: str, valid: Iterable[str]) -> str:
    """Return a remedy that names the valid word most similar to `word`, or lists the valid words."""
    words = sorted(set(valid))
    if not words:
        return "there are none"
    similar = get_close_matches(word, words, n=1)
    if similar:
        return f"did you mean {similar[0]}?"
    more = f" and {len(words) - LISTED} more" if len(words) > LISTED else ""
    return f"one of {', '.join(words[:LISTED])}{more}"


PACKAGES = ("sqlalchemy", "mlflow", "requests", "urllib3", "psycopg")
"""Packages whose exceptions mean that the store failed."""


def store_failure(error: BaseException | None) -> str:
    """Return one line about the disk, database or server that failed; empty if the cause is another.

    Such errors are raised from one another: the innermost one names the cause.
    """
    failure, cause = "", error
    while cause is not None:
        failure = one_line(cause) if _is_external(cause) else failure
        cause = cause.__cause__
    return failure


def _is_external(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno is not None  # an OSError that a library raises itself (pyarrow) has none
    return isinstance(error, sqlite3.Error) or type(error).__module__.partition(".")[0] in PACKAGES
