from __future__ import annotations

import pytest
from click.testing import CliRunner

from qsweep.cli import main
from qsweep.config import ABOUT, RULES
from qsweep.plan.key_list import TITLES, defaults, groups, preset_names

NARROW = 80


def shown(*command: str) -> list[str]:
    """The lines that a command prints."""
    return (
        CliRunner()
        .invoke(main, command, terminal_width=NARROW, env={"COLUMNS": str(NARROW)})
        .stdout.splitlines()
    )


@pytest.mark.parametrize("command", [("keys",), ("train", "--help")])
def test_every_key_is_listed_with_its_default(command: tuple[str, ...]) -> None:
    """Both lists have one line for each key, KEY=DEFAULT, by group, and fit a terminal."""
    lines = shown(*command)
    words = [line.split()[0] for line in lines if line.startswith("  ") and line.strip()]
    assert [word for word in words if word.partition("=")[0] in RULES and "=" in word] == [
        f"{key}={defaults()[key]}" for keys in groups().values() for key in keys
    ]
    assert {f"{title}:" for title in TITLES.values()} <= set(lines)
    assert max(map(len, lines)) <= NARROW


def test_a_line_has_the_unit() -> None:
    """What a key is for is followed by its unit."""
    assert ABOUT["episodes"].unit == "episodes"
    assert "  episodes=25000       length of the training (episodes)" in shown("keys")


def test_keys_with_a_word() -> None:
    """With a word, only keys that contain it are listed, with their rules; one that none has is refused."""
    lines = " ".join(" ".join(shown("keys", "epsilon.end")).split())
    assert lines == "Exploration by epsilon: epsilon.end=0 the same, after its decay: a number from 0 to 1"
    refused = CliRunner().invoke(main, ["keys", "epsilom"])
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "no key contains this word; given 'epsilom' (did you mean epsilon." in refused.stderr


def test_every_key_has_a_place() -> None:
    """No key is left out, and every preset of a group is named."""
    assert sorted(key for keys in groups().values() for key in keys) == sorted(RULES)
    assert "tutorial_2000" in preset_names("+experiment")
    assert any("tutorial_2000" in line for line in shown("keys"))
