from __future__ import annotations

import pytest

from qsweep.commands.server.users import add_users, names_in
from qsweep.errors import UsageError


def test_names_are_lines() -> None:
    """Empty lines and comments are no names."""
    assert names_in("# class of 2026\nada\n\n  grace \nlin@example.org\n") == [
        "ada",
        "grace",
        "lin@example.org",
    ]


WRONG = {
    "nothing": ("# nobody\n", ["FILE: must name a user on each line; it names none"]),
    "odd names": ("a b\nok\nx;y\n", ["line 1: must be a name", "line 3: must be a name"]),
    "twice": ("ada\nada\n", ["FILE: must name each user once; given 'ada'"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_files(case: str) -> None:
    """Every wrong line of a file is named, before any user is made."""
    text, expected = WRONG[case]
    with pytest.raises(UsageError) as refused:
        names_in(text)
    said = [str(problem) for problem in refused.value.problems]
    assert [line[: len(start)] for line, start in zip(said, expected, strict=True)] == expected


@pytest.mark.parametrize("uri", [None, "local", "sqlite:///x.db"])
def test_only_servers_have_users(uri: str | None) -> None:
    """A store without a server is refused."""
    with pytest.raises(UsageError, match="must be the address of a tracking server"):
        add_users("ada", uri)
