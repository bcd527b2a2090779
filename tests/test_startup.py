"""What a command imports: packages are counted by name, for times depend on the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_architecture import loaded_by

pytestmark = pytest.mark.slow

SMALL = '"train", "episodes=20", "evaluation.episodes=2", "evaluation.test_episodes=2"'
COMMAND = """
import os, sys
from qsweep.cli import main
try:
    main([{arguments}])
except SystemExit as ended:
    assert not ended.code
sys.stdout.flush()
"""
NOT_FOR_A_RUN = {"mlflow", "sqlalchemy", "alembic", "pandas", "matplotlib", "rich", "optuna", "sklearn"}


def packages(arguments: str) -> set[str]:
    """The packages that a command has loaded when it ends."""
    return {name.partition(".")[0] for name in loaded_by(COMMAND.format(arguments=arguments))}


@pytest.mark.usefixtures("workdir")
def test_help_loads_next_to_nothing() -> None:
    """`qsweep --help` loads click and no other package."""
    others = {"numpy", "hydra", "pydantic", "numba", "gymnasium", "pyarrow", "yaml", "omegaconf"}
    assert packages('"--help"') & (NOT_FOR_A_RUN | others) == set()


@pytest.mark.usefixtures("workdir")
def test_a_tracked_run_loads_no_mlflow() -> None:
    """A run that is trained, evaluated, tracked and registered in a local store loads no slow package.

    Once its machine code is on disk, it loads nothing of what numba compiles with, either.
    """
    loaded = packages(SMALL)
    assert {"numba", "gymnasium", "pyarrow", "PIL"} <= loaded
    assert loaded & NOT_FOR_A_RUN == set()
    again = loaded_by(COMMAND.format(arguments=f'{SMALL}, "seed=1"'))
    assert {name.partition(".")[0] for name in again} & (NOT_FOR_A_RUN | {"joblib"}) == set()
    assert "numba.core" in again
    assert "numba.np.arrayobj" not in again


@pytest.mark.slow
def test_a_sweep_loads_no_mlflow(workdir: Path) -> None:
    """Nor does one whose winner is confirmed and registered, and whose runs are compared in their parent."""
    packages(SMALL)
    sizes = '"-m", "buckets=3,4", "seed=0,1", "registry.confirm_seeds=2", "hydra/launcher=basic"'
    loaded = packages(f"{SMALL}, {sizes}")
    assert {"pandas", "matplotlib"} <= loaded
    assert loaded & {"mlflow", "sqlalchemy", "alembic"} == set()
    parents = (workdir / "mlruns" / "artifacts").glob("*/*/artifacts/report/report.html")
    assert len(list(parents)) == 1


def test_the_leaderboard_loads_no_mlflow(workdir: Path) -> None:
    """`qsweep runs` reads a local store with pandas and rich alone."""
    packages(SMALL)
    assert (workdir / "mlruns" / "artifacts").is_dir()
    loaded = packages('"runs"')
    assert {"pandas", "rich"} <= loaded
    others = {"numba", "gymnasium", "hydra", "scipy"}
    assert loaded & (NOT_FOR_A_RUN - {"pandas", "rich"} | others) == set()
