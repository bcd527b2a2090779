"""`qsweep users`: add the users of a class to a tracking server."""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any

import click

from qsweep.errors import Failure, Problem, UsageError
from qsweep.tracking.store import open_store
from qsweep.tracking.users import server_login

NAME = re.compile(r"[\w.@+-]{1,100}")
PASSWORD_BYTES = 12
"""Random bytes of a password, which has 16 letters."""
CREATE, GET = "/api/2.0/mlflow/users/create", "/api/2.0/mlflow/users/get"


def add_users(text: str, uri: str | None) -> str:
    """Create the users named in a text, one per line; print each with its password; return what was done.

    Raises UsageError if a name is invalid or the server cannot be used, before a user is created.
    """
    names = names_in(text)
    if not uri or not uri.startswith("http"):
        remedy = "set MLFLOW_TRACKING_URI, or use --uri"
        raise UsageError([Problem("--uri", "must be the address of a tracking server", uri, remedy)])
    open_store(uri, create=False)
    from qsweep.tracking.client.request import request  # slow to import

    known = [name for name in names if exists(request(uri, GET, username=name), uri)]
    added = [name for name in names if name not in known]
    for name in added:
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        _check(request(uri, CREATE, "POST", username=name, password=password), name)
        click.echo(f"{name},{password}")
    kept = f"; already there: {', '.join(known)}" if known else ""
    return f"{len(added)} users added to {uri}{kept}"


def names_in(text: str) -> list[str]:
    """Return the names in a text, one per line; empty lines and # comments are skipped.

    Raises UsageError with every problem.
    """
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    named = [(number, line) for number, line in lines if line and not line.startswith("#")]
    problems = [*_problems(named)]
    if not named:
        problems.append(Problem("FILE", "must name a user on each line; it names none"))
    if problems:
        raise UsageError(problems)
    return [name for _, name in named]


def _problems(named: Sequence[tuple[int, str]]) -> Iterator[Problem]:
    for number, name in named:
        if not NAME.fullmatch(name):
            rule = "must be a name of up to 100 letters, digits and . _ @ + -"
            yield Problem(f"line {number}", rule, name)
    for name, count in Counter(name for _, name in named).items():
        if count > 1:
            yield Problem("FILE", "must name each user once", name)


def exists(answer: Any, uri: str) -> bool:
    """Return whether a user exists. answer: the server's to a request for it.

    Raises UsageError if the server has no users, or this one may not see them.
    """
    if answer.status_code == HTTPStatus.NOT_FOUND and "RESOURCE_DOES_NOT_EXIST" not in answer.text:
        rule = "must be a server with users, as `qsweep server` starts it"
        raise UsageError([Problem("--uri", rule, uri)])
    if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        remedy = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to an administrator's"
        rule = "must be an administrator"
        raise UsageError([Problem("user", rule, server_login() or None, remedy)])
    return bool(answer.ok)


def _check(answer: Any, name: str) -> None:
    if not answer.ok:
        raise Failure(f"the server did not add {name}: {answer.status_code} {answer.text[:200]}")
