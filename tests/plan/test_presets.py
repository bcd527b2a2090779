"""Presets of one's own, in a folder conf/."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from qsweep.errors import UsageError
from qsweep.plan.composition import load_config, plan

HEADER = "# @package _global_\n"


def write(folder: Path, name: str, content: str | bytes) -> None:
    """Write a preset."""
    file = folder / "conf" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)


def refused(*lines: str) -> str:
    """Return the problem of a command line."""
    with pytest.raises(UsageError) as error:
        plan(lines, multirun=True)
    [problem] = error.value.problems
    return str(problem)


@pytest.mark.parametrize(
    "content",
    [
        f"{HEADER}buckets: 5\n",
        f"\ufeff{HEADER}buckets: 5\n",
        "buckets: 5\n",
        f"{HEADER}buckets: 5\n".replace("\n", "\r\n"),
        f"{HEADER}# café\nbuckets: 5",
    ],
    ids=["plain", "byte order mark", "no header", "CRLF", "no newline at the end"],
)
@pytest.mark.parametrize("name", ["mine", "sub/deep"])
def test_experiments_as_editors_leave_them(workdir: Path, name: str, content: str) -> None:
    """An experiment sets values at the top, whatever its first line, also where Python loads it."""
    write(workdir, f"experiment/{name}.yaml", content)
    assert load_config([f"experiment={name}"]).buckets == 5
    assert load_config([f"+experiment={name}", "seed=3"]).seed == 3


def test_every_group_may_have_presets_of_ones_own(workdir: Path) -> None:
    """`load_config` and `plan` find an environment and a sweep in conf/; an empty preset sets nothing."""
    write(workdir, "env/my_car.yaml", "id: MountainCar-v0\nmax_steps: 50\n")
    write(workdir, "sweep/mine.yaml", "hydra: {sweeper: {params: {buckets: '5,6'}}}\n")
    write(workdir, "experiment/empty.yaml", "")
    assert load_config(["env=my_car"]).env.max_steps == 50
    assert load_config(["experiment=empty"]) == load_config()
    assert plan(["sweep=mine", "env=my_car"], multirun=True).varied == ("buckets",)


def test_two_sweeps_in_one_preset(workdir: Path) -> None:
    """A preset whose defaults list two sweeps varies what both vary."""
    write(workdir, "sweep/sizes.yaml", f"{HEADER}hydra: {{sweeper: {{params: {{buckets: '5,6'}}}}}}\n")
    write(workdir, "sweep/seeds.yaml", f"{HEADER}hydra: {{sweeper: {{params: {{seed: range(3)}}}}}}\n")
    write(workdir, "sweep/both.yaml", f"{HEADER}defaults: [sizes, seeds]\n")
    assert len(plan(["sweep=both"], multirun=True).jobs) == 6
    assert refused("sweep=sizes,seeds").startswith("sweep: takes one preset")


@pytest.mark.parametrize(
    ("group", "name"), [("env", "mountain_car"), ("sweep", "buckets"), ("algorithm", "sarsa")]
)
def test_a_packaged_name_is_refused(workdir: Path, group: str, name: str) -> None:
    """A preset of one's own by a packaged name is named; which one is meant is not guessed."""
    write(workdir, f"{group}/{name}.yaml", "{}\n")
    assert refused(f"{group}={name}").startswith(f"{group}: is the name of a packaged preset as well; given")


@pytest.mark.parametrize("content", [f"{HEADER}# caf\u00e9\n".encode("latin-1"), HEADER.encode("utf-16")])
def test_a_preset_in_another_encoding_is_named(workdir: Path, content: bytes) -> None:
    """A file that is not in UTF-8 is refused, also where another preset includes it."""
    write(workdir, "experiment/mine.yaml", content)
    write(workdir, "experiment/outer.yaml", f"{HEADER}defaults: [mine]\n")
    assert refused("experiment=mine").startswith("experiment: must be a file in UTF-8;")
    assert "codec can't decode" in refused("experiment=outer")


def test_a_program_that_uses_hydra_keeps_its_settings(workdir: Path) -> None:
    """Composing here changes nothing of a program's own Hydra, nor of its presets for itself."""
    write(workdir, "env/mountain_car.yaml", "speed: 3\n")
    write(workdir, "train.yaml", "speed: 3\n")
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(workdir / "conf")):
        own = GlobalHydra.instance()
        assert load_config(["buckets=7"]).buckets == 7
        assert GlobalHydra.instance() is own
        assert compose("train").speed == 3
