from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from click.testing import CliRunner
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from qsweep.cli import main
from qsweep.errors import UsageError
from qsweep.plan.command_line import read
from qsweep.plan.composition import planned
from qsweep.plan.conf import at_top, composed, hydra_app

SMALL = ("episodes=5", "evaluation.episodes=1", "evaluation.test_episodes=2", "tracking=none")


def plain(config: DictConfig) -> dict[str, Any]:
    """Return a config as plain values, without Hydra's `override_dirname`."""
    values = OmegaConf.to_container(config)
    assert isinstance(values, dict)
    del values["hydra"]["job"]["override_dirname"]
    return {str(key): value for key, value in values.items()}


@pytest.mark.parametrize(
    "lines",
    [
        ("buckets=10,20", "seed=range(2)", "episodes=50"),
        ("env=cart_pole", "hydra/launcher=slurm", "hydra.launcher.parameters.mem_gb=3", "seed=1,2"),
        ("env=frozen_lake,cart_pole", "+hydra.job.env_set.A=b", "sweep.name=mine"),
        ("+sweep=buckets", "seed=0", "tracking.name='a, b'"),
        ("hydra/sweeper=qsweep_optuna", "hydra.sweeper.trials=7", "++env.kwargs.x=1", "seed=3"),
    ],
)
def test_launchers_get_what_hydra_composes_for_a_multirun(lines: tuple[str, ...]) -> None:
    """The launcher's config equals the one that Hydra's own multirun composes from all overrides."""
    composed.cache_clear()  # the current folder is part of a config, and an earlier test may have had another
    line = read(lines, multirun=True)
    given = [override.input_line or "" for override in line.given]
    lines_of_a_multirun = at_top([*given, "hydra.mode=MULTIRUN"])
    expected = hydra_app().compose_config("train", lines_of_a_multirun, RunMode.MULTIRUN)
    expected.hydra.overrides.hydra.remove("hydra.mode=MULTIRUN")
    expected.hydra.overrides.task = [o for o in given if not o.startswith(("hydra", "+hydra"))]
    assert plain(line.launcher_config()) == plain(expected)


def test_launcher_configs_are_copies() -> None:
    """Each launcher gets its own copy of the config."""
    line = read(("seed=1,2", "buckets=7"), multirun=True)
    line.launcher_config().hydra.sweep.dir = "elsewhere"
    assert line.launcher_config().buckets == 7
    assert "elsewhere" not in OmegaConf.to_yaml(line.launcher_config())
    assert (line.config.buckets, line.config.hydra.overrides.task) == (20, [])


def test_a_search_is_recognised_by_its_settings() -> None:
    """hydra/sweeper=qsweep_optuna makes a multirun a search, also in a preset, with its settings."""
    line = read(("hydra/sweeper=qsweep_optuna", "hydra.sweeper.trials=7"), multirun=True)
    assert (line.searches, line.sweeper["trials"], line.launcher) == (True, 7, "joblib")
    assert not read(("seed=1,2",), multirun=True).searches


def test_an_option_of_hydra_has_one_value() -> None:
    """Hydra's own options cannot be swept, not even over a single value."""
    with pytest.raises(UsageError, match=r"hydra\.launcher\.n_jobs: takes one value; given '.*choice\(2\)'"):
        planned(read(("seed=1,2", "hydra.launcher.n_jobs=choice(2)"), multirun=True))


def compositions_of(*arguments: str) -> int:
    """Count Hydra's compositions while `qsweep train ARGUMENTS` succeeds in this process."""
    count = 0

    def profile(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        count += event == "call" and frame.f_code.co_name == "_load_configuration_impl"

    composed.cache_clear()
    sys.setprofile(profile)
    try:
        ran = CliRunner().invoke(main, ["train", *SMALL, *arguments])
    finally:
        sys.setprofile(None)
    assert ran.exit_code == 0, (ran.stderr, ran.exception)
    return count


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (("seed=1",), 1),
        (("-m", "seed=1,2", "sweep.dry_run=true"), 1),
        (("-m", "+sweep=buckets", "buckets=2,3", "seed=0", "sweep.dry_run=true"), 1),
        (("-m", "epsilon=linear,constant", "seed=1,2", "sweep.dry_run=true"), 3),
        (("-m", "seed=1,2", "sweep.batch=1", "hydra/launcher=basic"), 1 + 2),
    ],
)
def test_a_command_line_is_composed_once(
    arguments: tuple[str, ...], count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hydra composes once, plus once per varying preset, plus once per launched job (two here)."""
    monkeypatch.chdir(tmp_path)
    before = [*sys.argv]
    assert compositions_of(*arguments) == count
    assert sys.argv == before
    assert not GlobalHydra.instance().is_initialized()
