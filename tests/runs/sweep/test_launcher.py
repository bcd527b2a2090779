from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hydra.experimental.callback import Callback

from qsweep.cli import main
from qsweep.plan.command_line import read
from qsweep.runs.journal import Journal
from qsweep.runs.sweep.launcher import launching
from tests.support.messages import without_notice

pytestmark = pytest.mark.slow

SMALL = ("episodes=5", "evaluation.episodes=1", "evaluation.test_episodes=2", "tracking=none", "seed=0,1")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(*arguments: str) -> tuple[int, str, str]:
    """Run a multirun in this process; return exit code and output."""
    ran = CliRunner().invoke(main, ["train", "-m", *SMALL, *arguments])
    assert isinstance(ran.exception, SystemExit | None), ran.exception
    return ran.exit_code, ran.stdout, without_notice(ran.stderr)


class Noting(Callback):
    """A callback that logs its calls with the config. file: absolute."""

    def __init__(self, file: str) -> None:
        self._file = Path(file)

    def _note(self, what: str, config: Any) -> None:
        of = config.hydra
        told = [
            of.mode.name,
            of.job.name,
            of.job.config_name,
            of.sweep.dir,
            of.runtime.choices["hydra/launcher"],
        ]
        with self._file.open("a") as file:
            file.write(json.dumps([what, *told]) + "\n")

    def on_multirun_start(self, config: Any, **kwargs: Any) -> None:
        """Note it."""
        self._note("begins", config)

    def on_job_start(self, config: Any, **kwargs: Any) -> None:
        """Note it."""
        self._note("job", config)

    def on_multirun_end(self, config: Any, **kwargs: Any) -> None:
        """Note it."""
        self._note("ends", config)


@pytest.mark.filterwarnings("error")
def test_callbacks_hear_of_a_multirun_and_its_jobs(folder: Path) -> None:
    """Callbacks are called as by Hydra; multirun and jobs share one Hydra config."""
    given = f"+hydra.callbacks.noting={{_target_: {__name__}.Noting, file: {folder}/noted}}"
    code, _, said = train(given, "hydra/launcher=basic", "sweep.batch=1", "hydra.sweep.dir=mine")
    assert (code, said) == (0, "")
    lines = [json.loads(line) for line in (folder / "noted").read_text().splitlines()]
    assert [what for what, *_ in lines] == ["begins", "job", "job", "ends"]
    assert {tuple(told) for _, *told in lines} == {("MULTIRUN", "train", "train", "mine", "basic")}


@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_a_job_has_what_was_asked_of_hydra(folder: Path, launcher: str) -> None:
    """Options of Hydra reach the jobs: each writes its own config into the folder, and changes into it."""
    options = ("hydra.output_subdir=.hydra", "hydra.sweep.subdir=job${hydra.job.num}", "hydra.job.chdir=true")
    code, said, _ = train(
        f"hydra/launcher={launcher}", f"hydra.sweep.dir={folder}/mine", "sweep.batch=1", *options
    )
    assert (code, "2 of 2 runs" in said) == (0, True)
    assert [mark.number for mark in Journal(folder / "mine").ended()] == [0, 1]
    written = sorted(path.relative_to(folder) for path in folder.glob("mine/*/.hydra/hydra.yaml"))
    assert [str(path) for path in written] == [f"mine/job{number}/.hydra/hydra.yaml" for number in (0, 1)]


OWN_PRESET = "# @package _global_\nhydra:\n  sweeper: {params: {buckets: '3,4'}}\n  launcher: {n_jobs: 1}\n"


@pytest.mark.parametrize("preset", ["+sweep=buckets", "+sweep=mine"])
def test_a_preset_may_configure_sweeper_and_launcher(folder: Path, preset: str) -> None:
    """Hydra refuses a job whose sweeper or launcher differs from the multirun's, so jobs have its presets."""
    (folder / "conf" / "sweep").mkdir(parents=True)
    (folder / "conf" / "sweep" / "mine.yaml").write_text(OWN_PRESET)
    line = read(
        (f"hydra.searchpath=['file://{folder}/conf']", preset, "hydra/launcher=joblib"), multirun=True
    )
    with launching(line, "presets") as (launcher, _):
        made: Any = launcher
        jobs = made.hydra_context.config_loader.load_sweep_config(made.config, ["+batch=some"])
    assert jobs.batch == "some"
    assert jobs.hydra.sweeper == line.config.hydra.sweeper
    assert jobs.hydra.launcher == line.config.hydra.launcher


@pytest.mark.parametrize(("written", "made"), [("x/${sweep.name}", "x/mine"), ("'two words'", "two words")])
def test_the_folder_is_named_as_hydra_reads_it(folder: Path, written: str, made: str) -> None:
    """hydra.sweep.dir may be quoted, and may refer to other keys."""
    code, said, _ = train("hydra/launcher=basic", f"hydra.sweep.dir={written}", "sweep.name=mine")
    assert code == 0
    assert f"; folder: {made}\n" in said
    assert [mark.number for mark in Journal(folder / made).ended()] == [0, 1]


@pytest.mark.parametrize(
    ("option", "rule"),
    [
        ("+hydra.launcher.workers=3", "unexpected keyword argument 'workers'"),
        ("hydra.launcher=null", "launcher is not configured"),
        ("hydra.launcher._target_=os.system", "Unknown plugin class : 'os.system'"),
        ("hydra.launcher._target_=hydra_plugins.nowhere.Launcher", "Unknown plugin class"),
        ("+hydra.callbacks.mine._target_=nowhere.Callback", "nowhere.Callback"),
        ("hydra.sweep.dir='${nowhere}'", "'nowhere' not found"),
    ],
)
def test_a_launcher_that_cannot_be_made(folder: Path, option: str, rule: str) -> None:
    """A broken launcher is refused, and the multirun's folder is removed."""
    code, said, complained = train("hydra/launcher=basic", option)
    [line] = complained.splitlines()
    assert (code, said, line.startswith("qsweep: configuration: ")) == (2, "", True)
    assert rule in line
    assert list(folder.glob("multirun/seed/*")) == []


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *[("n_jobs", value) for value in ("0", "100000")],
        *[("timeout", value) for value in ("0", "-1")],
        *[("pre_dispatch", value) for value in ("0", "0*n_jobs", "few")],
        *[("backend", "foo"), ("prefer", "foo"), ("require", "foo"), ("batch_size", "0")],
    ],
)
def test_numbers_of_joblib_are_checked(folder: Path, option: str, value: str) -> None:
    """What joblib cannot work with is refused before anything starts, and the folder is removed."""
    code, said, complained = train(f"hydra.launcher.{option}={value}")
    [line] = complained.splitlines()
    assert (code, said, line.startswith("qsweep: hydra.launcher")) == (2, "", True)
    assert list(folder.glob("multirun/seed/*")) == []


def test_the_same_folder_again(folder: Path) -> None:
    """A folder that is empty is used; each further launch makes one of its own in it."""
    (folder / "out").mkdir()
    for launches in range(3):
        code, said, _ = train("hydra/launcher=basic", "hydra.sweep.dir=out")
        assert (code, "2 of 2 runs" in said) == (0, True)
        made = [path for path in (folder / "out").iterdir() if path.is_dir()]
        assert len(made) == launches
        assert all(len(Journal(path).ended()) == 2 for path in (folder / "out", *made))


@pytest.mark.parametrize("given", ["'~/qq'", "'~'", "''", "'a\tb'"])
def test_a_folder_that_is_no_name(folder: Path, given: str) -> None:
    """A folder that would not be the one that was meant is refused, and none is made."""
    code, said, complained = train("hydra/launcher=basic", f"hydra.sweep.dir={given}")
    assert (code, said, complained.count("\n")) == (2, "", 1)
    assert "hydra.sweep.dir: must" in complained
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("given", "made"), [("'run=1'", "run=1"), ("'out,2'", "out,2"), ("'é'", "é")])
def test_a_folder_with_a_name_of_any_kind(given: str, made: str) -> None:
    """A quoted name is a folder's name."""
    code, said, _ = train("hydra/launcher=basic", f"hydra.sweep.dir={given}")
    assert (code, [line for line in said.splitlines() if line.endswith(f"folder: {made}")] != []) == (0, True)
    assert Path(made).is_dir()
