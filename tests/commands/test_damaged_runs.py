"""Commands on runs of ours whose rows in the store were damaged: one line each, and no traceback."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qsweep.cli import main
from qsweep.commands.reproduce import differences
from qsweep.report.words import _packages
from qsweep.system import notices

pytestmark = pytest.mark.slow

SWEEP = (
    "train",
    "-m",
    "env=frozen_lake",
    "engine=gymnasium",
    "episodes=20",
    "learning_rate=0.1,0.2",
    "seed=0",
)
SHORT = ("evaluation.checkpoints=2", "evaluation.episodes=2", "evaluation.test_episodes=4")
ALONE = ("hydra/launcher=basic", "registry.confirm_seeds=0", "sweep.report=never")
AGAIN = (*SWEEP, *SHORT, *ALONE)
Damage = Callable[[str], None]
NAMES = ("learning_rate=0.1,seed=0", "learning_rate=0.2,seed=0")


def command(*words: str) -> Result:
    """Run a command in this process, with every notice given anew."""
    notices._given.clear()
    return CliRunner().invoke(main, words)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sweep of two runs, the better of which is registered."""
    folder = tmp_path_factory.mktemp("swept")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert command(*AGAIN).exit_code == 0
    return folder


@pytest.fixture
def damage(swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Damage:
    """A function that runs SQL on a copy of the store, in the current folder."""
    shutil.copytree(swept, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")

    def execute(statement: str) -> None:
        with closing(sqlite3.connect("mlruns/mlflow.db")) as connection, connection:
            assert connection.execute(statement).rowcount > 0

    return execute


def test_a_metric_that_is_gone(damage: Damage) -> None:
    """A run without the number of its best checkpoint is not registered, and that is said."""
    damage("DELETE FROM latest_metrics WHERE key = 'best_episode'")
    damage("DELETE FROM model_versions")
    ran = command(*AGAIN)
    assert isinstance(ran.exception, SystemExit)
    assert (ran.exit_code, "metric best_episode: is missing" in ran.stderr) == (2, True), ran.stderr


def test_a_metric_that_is_no_number(damage: Damage) -> None:
    """Runs whose best checkpoint is NaN are compared by their last ones."""
    damage("UPDATE latest_metrics SET is_nan = 1 WHERE key = 'best_episode'")
    ran = command("compare", *NAMES)
    assert (ran.exit_code, ran.exception) == (0, None), ran.stderr


def test_a_version_that_has_no_next(damage: Damage) -> None:
    """The next version's number has more than 64 bits: the run is kept, and one line says what failed."""
    damage(f"UPDATE model_versions SET version = {2**63 - 1}")
    ran = command("train", "env=frozen_lake", "engine=gymnasium", "episodes=20", "seed=7", *SHORT)
    assert isinstance(ran.exception, SystemExit)
    assert (ran.exit_code, "Traceback" in ran.stderr, "too large" in ran.stderr) == (1, False, True), (
        ran.stderr
    )


@pytest.mark.parametrize("recorded", ["1.5", "[1]", "numpy 2", "null"])
def test_packages_that_are_no_packages(recorded: str) -> None:
    """Versions that another program wrote count as unknown, and a report shows them as they are."""
    said = [*differences({"qsweep.packages": recorded}, {"qsweep.packages": '{"numpy": "2.4.6"}'})]
    assert said == ["qsweep.packages: numpy: recorded nothing, now 2.4.6"]
    assert _packages(recorded) == recorded
