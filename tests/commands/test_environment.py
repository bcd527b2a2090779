from __future__ import annotations

import re

import pytest

from qsweep.commands.environment import describe_environment
from qsweep.errors import UsageError
from qsweep.plan.command_line import read
from qsweep.plan.composition import planned
from qsweep.plan.conf import conf_folder
from tests.support.optional_packages import skip_without_packages

pytestmark = pytest.mark.slow


def lines(name: str, *overrides: str) -> dict[str, str]:
    """Return a description's lines by label; further lines of a label are joined with a bar."""
    found: dict[str, str] = {}
    for line in describe_environment(name, overrides).splitlines()[1:]:
        label = line[:13].strip() or label  # noqa: F821  # the one before
        found[label] = f"{found[label]} | {line[13:]}" if label in found else line[13:]
    return found


def test_the_tutorials_environment() -> None:
    """Bounds, widths of the buckets, actions, step limit and optimum are those of MountainCar."""
    found = lines("mountain_car")
    assert found["observation"] == (
        "position: -1.2 to 0.6, 20 buckets, 0.09 wide"
        " | velocity (per step): -0.07 to 0.07, 20 buckets, 0.007 wide"
    )
    assert found["actions"] == "0 push left, 1 no push, 2 push right"
    assert found["Q-table"] == "400 cells x 3 actions"
    assert found["episode"].startswith("at most 200 steps")
    assert found["optimum"].startswith("-97.65")
    assert "qsweep train -m +sweep=buckets" in found["presets"]


def test_an_id_finds_its_preset() -> None:
    """A Gymnasium id that has a preset is described with the preset's bounds."""
    assert describe_environment("CartPole-v1") == describe_environment("cart_pole")
    assert "the environment's bounds: -inf to inf" in lines("CartPole-v1")["observation"]
    with pytest.raises(UsageError, match=r"env\.low"):  # infinite bounds, and no preset
        describe_environment("CartPole-v0")


def test_overrides() -> None:
    """Overrides apply as in training."""
    assert lines("FrozenLake-v1")["optimum"].startswith("0.744")
    assert lines("FrozenLake-v1", "env.kwargs.is_slippery=false")["optimum"].startswith("1,")
    assert "10 buckets" in lines("mountain_car", "buckets=10")["observation"]


PRESETS = sorted(file.stem for file in (conf_folder() / "env").glob("*.yaml"))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset(name: str) -> None:
    """Every packaged environment is described, and the commands that it offers are valid for it."""
    skip_without_packages(name)
    text = describe_environment(name)
    commands = re.findall("qsweep train(.*)", text)
    assert f" env={name}" in commands or name == "mountain_car"
    for command in commands:
        words = command.split()
        [job, *_] = planned(read([word for word in words if word != "-m"], "-m" in words)).jobs
        assert job.resolved.env.id == text.splitlines()[0]


@pytest.mark.parametrize("name", ["Nosuch-v0", "mountain_ca", ""])
def test_unknown_environments(name: str) -> None:
    """An environment that Gymnasium cannot make is refused."""
    with pytest.raises(UsageError, match=r"env\.id"):
        describe_environment(name)
