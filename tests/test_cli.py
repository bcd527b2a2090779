"""What the command line says of itself."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from qsweep.cli import main

COMMANDS = sorted(main.commands)
WIDEST = 60
"""Characters of a summary that `qsweep --help` shows whole on a terminal of 80 columns."""
VERBS = {
    "Check",
    "Describe",
    "Draw",
    "Free",
    "List",
    "Print",
    "Make",
    "Rank",
    "Tune",
    "Add",
    "Run",
    "Show",
    "Start",
    "Train",
    "Upload",
    "Write",
    "Compare",
}


def summary(command: str) -> str:
    """The first line of a command's help."""
    return (main.commands[command].help or "").partition("\n")[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_summary_is_shown_whole(command: str) -> None:
    """`qsweep --help` shows each command with the first line of its help, not cut by dots."""
    shown = CliRunner().invoke(main, ["--help"], terminal_width=80).output.splitlines()
    assert len(summary(command)) <= WIDEST
    assert [line.split(maxsplit=1)[1] for line in shown if line.split()[:1] == [command]] == [
        summary(command)
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_summary_is_a_sentence_that_begins_with_a_verb(command: str) -> None:
    """A command's summary says what it does: "Check the store for problems.", not "The leaderboard"."""
    assert summary(command).split()[0] in VERBS
    assert summary(command).endswith(".")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_help(command: str) -> None:
    """Each option is explained, in one sentence."""
    options = [each for each in main.commands[command].params if isinstance(each, click.Option)]
    assert [each.name for each in options if not (each.help or "").endswith((".", ")"))] == []


def test_the_module_is_the_command() -> None:
    """`python -m qsweep` prints the same as `qsweep`, under the same name."""
    words = [sys.executable, "-m", "qsweep", "keys", "--help"]
    printed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert printed.startswith("Usage: qsweep keys ")
