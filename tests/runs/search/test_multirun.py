from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from qsweep.cli import main
from qsweep.report.loading.runs import load_runs

pytestmark = pytest.mark.slow

SEARCH = (
    *("train", "-m", "hydra/sweeper=qsweep_optuna", "hydra/launcher=basic", "hydra.sweeper.trials=2"),
    *("hydra.sweeper.seeds=0,1", "learning_rate=interval(0.1,0.5)", "sweep.name=tuned", "buckets=3"),
    *("episodes=20", "evaluation.episodes=2", "evaluation.test_episodes=2", "evaluation.checkpoints=1"),
    *("sweep.report=never", "registry.promote=never"),
)


@pytest.mark.usefixtures("workdir")
def test_a_search_on_the_command_line() -> None:
    """It trains each trial over the seeds and says what was best; repeated, it resumes the study."""
    ran = CliRunner().invoke(main, SEARCH)
    assert (ran.exit_code, ran.stderr) == (0, ""), ran.exception
    assert ran.stdout.startswith("trial 0: learning_rate=0.")
    assert "4 runs in" in ran.stdout
    runs = load_runs("tuned")
    assert sorted(runs["seed"]) == [0, 0, 1, 1]
    assert runs["learning_rate"].nunique() == 2
    again = CliRunner().invoke(main, [*SEARCH, "hydra.sweeper.trials=3"])
    assert again.exit_code == 0
    assert len(load_runs("tuned")) == 6
    assert len(list(Path("multirun/tuned").iterdir())) == 2
