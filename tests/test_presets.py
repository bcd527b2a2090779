from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

import qsweep
from qsweep.config import RULES, Config, flatten, record
from qsweep.plan.composition import load_config, plan
from qsweep.plan.conf import conf_folder
from tests.support.optional_packages import skip_without_packages

CONF = conf_folder()
FILES = sorted(path.relative_to(CONF).as_posix() for path in CONF.rglob("*.yaml"))
COMMAND = re.compile(r"qsweep train((?: (?:-m\b|'[^']+'|\+*[\w.]+=[^\s;`]+))+)")
"""`qsweep train` and the arguments after it, up to the first word that is none."""

TUTORIAL: dict[str, Any] = {
    "env.id": "MountainCar-v0",
    "algorithm": "q_learning",
    "terminal_rule": "tutorial",
    "learning_rate": 0.1,
    "discount": 0.95,
    "buckets": 20,
    "initial_q.low": -2.0,
    "initial_q.high": 0.0,
    "seed": 0,
    "epsilon.schedule": "linear",
    "epsilon.end": 0.0,
}
FIRST = {"epsilon.start": 0.5, "epsilon.decay_start": 1}
SECOND = {"epsilon.start": 1.5, "epsilon.decay_start": 3, "epsilon.decay_end": 2_500}
TUTORIALS: dict[str, dict[str, Any]] = {
    "tutorial_2000": {**FIRST, "episodes": 2_000, "window": 500, "epsilon.decay_end": 1_000},
    "tutorial_10000": {**SECOND, "episodes": 10_000, "window": 2_000},
    "tutorial_40_buckets": {**SECOND, "episodes": 10_000, "window": 2_000, "buckets": 40},
    "tutorial_25000": {**FIRST, "episodes": 25_000, "window": 500, "epsilon.decay_end": 12_500},
    "tutorial_window_100": {**FIRST, "episodes": 2_000, "window": 100, "epsilon.decay_end": 1_000},
    "tutorial_final": {
        **FIRST,
        "episodes": 25_000,
        "window": 100,
        "epsilon.decay_end": 12_500,
        "checkpoint_every": 10,
    },
}


def presets(group: str) -> list[str]:
    """The presets of a group."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def trained(config: Config) -> int:
    """How many episodes training a config yields."""
    return sum(len(chunk.returns) for chunk in qsweep.train(config))


GROUPS = ["experiment", "env", "epsilon", "tracking", "algorithm", "exploration"]
GROUPS += ["learning_rate_schedule"]


@pytest.mark.parametrize(("group", "name"), [(group, name) for group in GROUPS for name in presets(group)])
def test_every_preset_composes(group: str, name: str) -> None:
    """Every file of a group gives a config that can be resolved."""
    skip_without_packages(name)
    assert load_config([f"{group}={name}"]).episodes > 0


@pytest.mark.parametrize("name", presets("experiment"))
def test_every_experiment_trains(name: str) -> None:
    """Every experiment trains, at smoke size."""
    assert trained(load_config([f"experiment={name}", "episodes=20", "tracking=none"])) == 20


@pytest.mark.slow
@pytest.mark.parametrize("name", presets("env"))
def test_every_environment_trains(name: str) -> None:
    """Every environment trains, at smoke size."""
    skip_without_packages(name)
    assert trained(load_config([f"env={name}", "episodes=20", "tracking=none"])) == 20


@pytest.mark.parametrize("name", presets("epsilon"))
def test_every_schedule_trains(name: str) -> None:
    """Every exploration schedule trains, at smoke size."""
    assert trained(load_config([f"epsilon={name}", "episodes=20", "tracking=none"])) == 20


@pytest.mark.slow
@pytest.mark.parametrize("name", presets("sweep"))
def test_every_sweep_is_a_plan(name: str) -> None:
    """Every named multirun plans more than one run, under its own name."""
    skip_without_packages(name)
    planned = plan((f"+sweep={name}",), multirun=True)
    assert planned.name == name
    assert len(planned.jobs) > 1
    assert len({job.name for job in planned.jobs}) == len(planned.jobs)


@pytest.mark.parametrize("name", TUTORIALS)
def test_the_tutorials_runs_have_its_numbers(name: str) -> None:
    """Each of the tutorial's six runs is there with the numbers it was published with."""
    flat = flatten(record(load_config([f"experiment={name}"])))
    expected = TUTORIAL | TUTORIALS[name]
    assert {key: flat[key] for key in expected} == expected


def test_the_tutorials_runs_are_all_of_the_experiments() -> None:
    """No tutorial preset is left untested."""
    assert {name for name in presets("experiment") if name.startswith("tutorial")} == set(TUTORIALS)


@pytest.mark.parametrize("name", presets("env"))
def test_an_environments_preset_is_whole(name: str) -> None:
    """Every key of an environment is written out in its preset, so that it can be seen and changed.

    Those that make an environment tabular are there only where it needs them.
    """
    text = yaml.safe_load((CONF / "env" / f"{name}.yaml").read_text())
    assert set(text.get("env", text)) - {"actions", "wrapper"} == {"id", "low", "high", "max_steps", "kwargs"}


@pytest.mark.parametrize("name", presets("tracking"))
def test_a_trackers_preset_is_whole(name: str) -> None:
    """Every tracker's preset has the same keys, so that one can take another's place: those of `local`."""
    given = yaml.safe_load((CONF / "tracking" / f"{name}.yaml").read_text())
    keys = {key.removeprefix("tracking.") for key in RULES if key.startswith("tracking.")}
    assert set(given) == (keys if name == "local" else {"defaults", "uri"})
    assert given.get("defaults", ["local"]) == ["local"]


def header(file: str) -> str:
    """The comment that a file begins with."""
    lines = (CONF / file).read_text().splitlines()
    comment = []
    for line in lines:
        if not line.startswith("#"):
            break
        comment.append(line)
    return "\n".join(comment)


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES)
def test_the_command_in_a_files_header_works(file: str) -> None:
    """Every file of conf/ begins with a comment that names a command, and the command can be used."""
    skip_without_packages(Path(file).stem)
    commands = [shlex.split(found) for found in COMMAND.findall(header(file))]
    assert commands
    for arguments in commands:
        lines = tuple(argument for argument in arguments if argument != "-m")
        assert plan(lines, multirun="-m" in arguments).jobs


@pytest.mark.parametrize("file", [file for file in FILES if Path(file).parent.name])
def test_the_command_in_a_presets_header_is_its_own(file: str) -> None:
    """The command in a preset's header chooses that preset."""
    group, name = Path(file).parent.as_posix(), Path(file).stem
    if group.startswith("hydra/"):
        assert "qsweep train -m" in header(file)
    else:
        assert f"{group}={name}" in header(file)
