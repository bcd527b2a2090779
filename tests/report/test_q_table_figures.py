from __future__ import annotations

from pathlib import Path

import pytest

from qsweep.plan.composition import load_resolved
from qsweep.report.folder import report
from qsweep.report.loading.selection import Selection
from qsweep.runs.runner import Work
from qsweep.tracking.store import open_store
from tests.support.trained import run

pytestmark = pytest.mark.slow

SMALL = ["episodes=60", "evaluation.test_episodes=5", "evaluation.episodes=3", "evaluation.checkpoints=3"]


def figures(*seeds: int) -> set[str]:
    """Return the Q-table figures of a report on one run per seed, by name."""
    for seed in seeds:
        lines = [*SMALL, f"seed={seed}", "sweep.name=t"]
        run([Work(load_resolved(lines), f"seed={seed}", "qsweep train")])
    folder = report(open_store("local"), Selection("t")).folder / "figures"
    names = {path.name for path in folder.glob("q_table_*")}
    assert {Path(name).with_suffix(".svg").name for name in names} <= names
    return {Path(name).stem.removeprefix("q_table_") for name in names}


@pytest.mark.usefixtures("workdir")
def test_the_tables_of_one_seed() -> None:
    """One seed gives chart, policy, values and visits of the chosen checkpoint, without agreement."""
    found = figures(0)
    assert found - {"difference"} == {"actions", "policy", "value", "visits", "aliasing"}


@pytest.mark.usefixtures("workdir")
def test_several_seeds_agree_or_not() -> None:
    """Two seeds are also compared cell by cell."""
    assert "agreement" in figures(0, 1)
