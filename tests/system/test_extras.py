"""Tests of the packages that a feature needs beside qsweep's own requirements."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from gymnasium.envs.registration import register, registry
from gymnasium.error import DependencyNotInstalled

from qsweep.cli import main
from qsweep.config import Env
from qsweep.environments.description import describe
from qsweep.errors import UsageError
from qsweep.system import extras


@pytest.mark.parametrize("extra", extras.PACKAGES)
def test_missing_modules_are_named_with_their_packages(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names each missing module and the command that installs all of them."""
    for module in extras.PACKAGES[extra]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(sys, "version_info", (3, 13, 0))
    with pytest.raises(UsageError) as refused:
        extras.need(extra, "key", 1)
    said = str(refused.value)
    assert all(name in said for pair in extras.PACKAGES[extra].items() for name in pair)
    assert "pip install" in said


@pytest.mark.parametrize(
    "words", [["play", "X", "--video", "a.mp4"], ["play", "X", "--human"], ["video", "X"]]
)
def test_videos_need_two_packages(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where FFmpeg's package is missing, the command is refused before it looks for the run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "av", None)
    ran = CliRunner().invoke(main, words)
    assert ran.exit_code == 2
    assert ran.stderr == f"qsweep: qsweep {words[0]}: needs av, which is not installed (pip install av)\n"


@pytest.mark.parametrize(
    ("python", "remedy"),
    [
        ((3, 13, 0), "pip install 'gymnasium[box2d]'"),
        ((3, 14, 0), "no wheel for Python 3.14; use Python 3.11"),
    ],
)
def test_an_environment_without_its_engine(
    python: tuple[int, ...], remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Box2D cannot be installed under Python 3.14 without a compiler: the message says which Python can."""

    def lander() -> None:
        raise DependencyNotInstalled("Box2D is not installed, you can install it by run `pip install swig`")

    register(f"Lander{python[1]}-v0", entry_point=lander)
    monkeypatch.setattr(sys, "version_info", python)
    with pytest.raises(UsageError, match="needs Box2D, which is not installed") as refused:
        describe(Env(id=f"Lander{python[1]}-v0"))
    del registry[f"Lander{python[1]}-v0"]
    assert remedy in str(refused.value)
