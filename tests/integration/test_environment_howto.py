"""The how-to of docs/environments.md, followed: its package is installed and trained."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.test_documentation import blocks, write_files

PAGE = "docs/environments.md"

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def python(code: str, folder: Path, site: Path) -> str:
    """What a line of Python prints in a fresh interpreter that finds the installed package."""
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=settings(site), capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def settings(site: Path) -> dict[str, str]:
    """The environment of a process that finds what is installed in `site`, and the `qsweep` of this one."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    places = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PATH": path, "PYTHONPATH": places}


def recorded(folder: Path) -> list[dict[str, Any]]:
    """The configs of all runs recorded in a folder."""
    return [yaml.safe_load(file.read_text()) for file in folder.glob("mlruns/**/config.yaml")]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the package of the page was installed, without the network."""
    folder = tmp_path_factory.mktemp("howto")
    write_files(PAGE, folder)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*install, "--no-index", "--target", "site", "./ice-car"], cwd=folder, check=True)
    return folder / "site"


def test_the_commands_of_the_page_train_the_same_on_both_engines(site: Path, tmp_path: Path) -> None:
    """As typed: one run is compiled, the other not, and their Q-tables have one hash."""
    [block] = [block for block in blocks(PAGE, "sh") if "pip install" in block]
    trains = [line for line in block.splitlines() if line.startswith("qsweep")]
    assert len(trains) == 2
    for command in trains:
        subprocess.run(command, shell=True, cwd=tmp_path, env=settings(site), check=True)
    assert {config["engine"] for config in recorded(tmp_path)} == {"compiled", "gymnasium"}
    code = (
        "import mlflow; mlflow.set_tracking_uri('sqlite:///mlruns/mlflow.db')\n"
        "for run in mlflow.search_runs(search_all_experiments=True, output_format='list'):\n"
        "    print(run.data.tags['qsweep.qtable_sha256'])"
    )
    hashes = python(code, tmp_path, site).split()
    assert len(hashes) == 2
    assert len(set(hashes)) == 1


def test_every_episode_is_the_same(site: Path, tmp_path: Path) -> None:
    """Returns, lengths and Q-tables of both engines agree to the bit, for several seeds and algorithms."""
    code = """
import dataclasses
import numpy as np, qsweep
for seed, algorithm in enumerate(["q_learning", "sarsa_lambda", "double_q_learning"]):
    given = ["env.id=ice_car:IceCar-v0", f"algorithm={algorithm}", "episodes=100", f"seed={seed}"]
    config = qsweep.load_config(given)
    assert config.engine == "compiled"
    slow = dataclasses.replace(config, engine="gymnasium")
    for one, other in zip(qsweep.train(config), qsweep.train(slow), strict=True):
        assert (one.returns == other.returns).all() and (one.lengths == other.lengths).all()
        assert one.q_table.tobytes() == other.q_table.tobytes()
print("same")
"""
    assert python(code, tmp_path, site).split() == ["same"]


def test_the_environment_is_a_proper_one(site: Path, tmp_path: Path) -> None:
    """Gymnasium's own check has nothing against the page's environments."""
    write_files(PAGE, tmp_path)
    for name in re.findall(r'gymnasium\.register\("(\S+)"', "".join(blocks(PAGE, r"python \S+"))):
        module = {"Corridor-v0": "my_corridor", "IceCar-v0": "ice_car"}[name]
        code = (
            "import warnings; warnings.simplefilter('error')\n"
            "import gymnasium\n"
            "from gymnasium.utils.env_checker import check_env\n"
            f"check_env(gymnasium.make('{module}:{name}').unwrapped, skip_render_check=True)\n"
            "print('checked')"
        )
        assert python(code, tmp_path, site).split() == ["checked"]


def test_without_the_package_there_is_no_twin(tmp_path: Path) -> None:
    """The module alone, in the current folder, trains on Gymnasium, and asking for more is refused."""
    write_files(PAGE, tmp_path)
    qsweep = [
        str(Path(sys.executable).with_name("qsweep")),
        "train",
        "env.id=ice_car:IceCar-v0",
        "episodes=5",
    ]
    few = ["evaluation.checkpoints=1", "evaluation.episodes=2", "evaluation.test_episodes=2"]
    for engine, code in (("auto", 0), ("compiled", 2)):
        ran = subprocess.run(
            [*qsweep, *few, f"engine={engine}", "tracking=none"],
            cwd=tmp_path / "ice-car",
            capture_output=True,
            text=True,
        )
        assert ran.returncode == code, ran.stderr
