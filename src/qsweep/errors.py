"""What is wrong with what the user gave, all of it at once."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches

LISTED = 50
"""How many valid words a remedy lists at most."""
LONGEST = 500
"""How many letters of another program's error are shown at most."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong: the key, the rule it breaks, the value given and, where there is one, the remedy.

    As text it shows no password of a URI, wherever in it the URI stands. It is one line that moves no
    terminal, for what it tells of may come from a store.
    """

    key: str
    rule: str
    given: object = None
    remedy: str = ""

    def __str__(self) -> str:
        given = "" if self.given is None else f"; given {self.given!r}"
        remedy = f" ({self.remedy})" if self.remedy else ""
        return printable("".join(map(without_password, (f"{self.key}: ", self.rule, given, remedy))))


class Failure(Exception):
    """Something that this program needs has failed; says what, to its user. The exit code is 1."""


class UsageError(Exception):
    """The user's input cannot be used; carries every problem found. The command line exits with 2."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple({str(problem): problem for problem in problems}.values())
        super().__init__("\n".join(str(problem) for problem in self.problems))


def printable(text: object) -> str:
    """A name from elsewhere as one line that a terminal only shows: what would move it is a ?."""
    one_line = re.sub(r"\s+", " ", str(text)) if "\n" in str(text) else str(text)
    return "".join(letter if letter.isprintable() else "?" for letter in one_line)


def one_line(error: object, kind: bool = False) -> str:
    """Return what an error says, as one line that is not too long; kind: after the name of its type."""
    said = f"{type(error).__name__}: {error}" if kind else str(error)
    return " ".join(said.split())[:LONGEST]


def without_password(uri: str) -> str:
    """A URI as it may be shown."""
    return re.sub(r"(password=)[^&\s]*", r"\1***", re.sub(r"//.*@", "//***@", uri))


def closest(word: str, valid: Iterable[str]) -> str:
    """A remedy naming the valid word nearest to `word`, or all of them where none is near."""
    words = sorted(set(valid))
    if not words:
        return "there are none"
    near = get_close_matches(word, words, n=1)
    if near:
        return f"did you mean {near[0]}?"
    more = f" and {len(words) - LISTED} more" if len(words) > LISTED else ""
    return f"one of {', '.join(words[:LISTED])}{more}"


PACKAGES = ("sqlalchemy", "mlflow", "requests", "urllib3", "psycopg")
"""Whose errors tell of a store that fails."""


def failure_of_the_store(error: BaseException) -> str:
    """What failed, in a line, where it is a disk, a database or a server; otherwise empty.

    Their errors come wrapped in several: the innermost says what it was.
    """
    told = [each for each in _causes(error) if _is_of_the_world(each)]
    return one_line(told[-1]) if told else ""


def _is_of_the_world(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno is not None  # pyarrow's and others' own have none
    return isinstance(error, sqlite3.Error) or type(error).__module__.partition(".")[0] in PACKAGES


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__
