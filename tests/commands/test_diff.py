from __future__ import annotations

from pathlib import Path

import pytest

from qsweep.commands.diff import diff
from qsweep.errors import UsageError
from qsweep.tracking.store import Store
from tests.support.trained import trained_store

SHORT = ("episodes=300", "evaluation.episodes=5", "evaluation.test_episodes=20", "evaluation.checkpoints=3")
RUNS = {
    "one": ("env=frozen_lake", "seed=0"),
    "other": ("env=frozen_lake", "seed=1"),
    "car": ("env=mountain_car", "buckets=8"),
    "coarse": ("env=mountain_car", "buckets=4"),
}


@pytest.fixture(scope="module")
def store(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with two runs on the lake, and two on MountainCar with different buckets."""
    runs = {name: (*SHORT, *lines) for name, lines in RUNS.items()}
    return trained_store(migrated_store, tmp_path_factory.mktemp("differing"), runs)


def test_two_seeds(store: Store) -> None:
    """The comparison names returns, shares and cells, each cell with the other action."""
    made = diff(store, "one", "other")
    assert made.weighted
    assert made.found.starts is None
    assert made.found.changes
    lines = str(made).splitlines()
    assert lines[0] == "FrozenLake-v1: one against other"
    assert lines[1].endswith("(expected return, exact)")
    assert "of the training steps began in them" in lines[2]
    assert len(lines) == 4 + len(made.found.changes)
    assert all(" -> " in line for line in lines[4:])


def test_a_table_and_itself(store: Store) -> None:
    """Nothing differs; on MountainCar the returns are means on test starts."""
    made = diff(store, "car", "car")
    assert (made.found.cells, made.found.visits, made.found.changes) == (0, 0, ())
    assert made.found.starts == 2000
    assert made.found.ours == made.found.theirs


@pytest.mark.parametrize(
    ("names", "rule"),
    [
        (("one", "car"), "must be of the same environment"),
        (("car", "coarse"), "must have the same buckets and bounds"),
        (("car", "nobody"), "nobody"),
    ],
)
def test_what_cannot_be_compared(store: Store, names: tuple[str, str], rule: str) -> None:
    """One clear error."""
    with pytest.raises(UsageError, match=rule):
        diff(store, *names)
