from __future__ import annotations

import numpy as np
import pytest

from qsweep.environments.resolved import Resolved
from qsweep.plan.resolution import resolve
from qsweep.policies.aliasing import _deviations, _regret, aliasing
from qsweep.policies.difference import difference, place_of_cell


@pytest.fixture
def lake() -> Resolved:
    """The dry lake, where a wrong action has a known cost."""
    return resolve({"env": {"id": "FrozenLake-v1", "kwargs": {"is_slippery": False}}})


def home(lake: Resolved) -> np.ndarray:
    """A table whose greedy policy reaches the goal."""
    table = np.zeros(lake.shape)
    table[[0, 4, 8, 9, 13, 14], [1, 1, 2, 1, 2, 2]] = 1.0
    return table


def test_a_wrong_action_costs_the_whole_return(lake: Resolved) -> None:
    """The other table steps into a hole in one cell; its visits are the weight, its cost is exact."""
    ours, theirs, visits = home(lake), home(lake), np.zeros(16, np.int64)
    theirs[9, 0] = 2.0
    theirs[3, 2] = 1.0  # never visited: it does not count
    visits[[0, 4, 8, 9]] = [10, 10, 10, 20]
    found = difference(lake, ours, theirs, visits)
    assert (found.ours, found.theirs, found.starts) == (1.0, 0.0, None)
    assert (found.cells, found.visits) == (0.25, 0.4)
    [change] = found.changes
    assert (change.cell, change.ours, change.theirs, change.gain) == (9, 1, 0, -1.0)


def test_equal_tables_do_not_differ(lake: Resolved) -> None:
    found = difference(lake, home(lake), home(lake), np.ones(16, np.int64))
    assert (found.cells, found.visits, found.changes) == (0.0, 0.0, ())


def test_regret_by_hand() -> None:
    """Two states share a cell and want different actions; a third one is alone."""
    returns = np.array([[1.0, 0.0], [0.0, 3.0], [5.0, 0.0]])
    assert _regret(returns, np.array([0, 0, 1])) == pytest.approx(1 / 3)
    assert _regret(returns, np.array([0, 1, 2])) == 0.0


def test_deviations_within_groups_by_hand() -> None:
    """The squares within are 2 and 0, with one degree of freedom."""
    found = _deviations(np.array([1.0, 3.0, 9.0]), np.array([0, 0, 5]))
    assert [each.tolist() for each in found] == [[0, 5], [1, 0], [2.0, 0.0]]


def test_aliasing_of_one_cell_and_of_discrete_states(lake: Resolved) -> None:
    """A table with one cell has regret on MountainCar; states of a lake are not aliased."""
    car = resolve({"buckets": 1})
    found = aliasing(car, np.zeros(car.shape), 0.95)
    assert found is not None
    assert len(found.recovered) == 2
    assert found.regret >= 0
    assert found.within == pytest.approx(found.overall, rel=0.01)
    assert found.spread == pytest.approx(np.full((1, 1), found.within))
    assert aliasing(lake, home(lake), 0.95) is None


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (34, "position -0.66 to -0.48, velocity -0.014 to 0"),
        (35, "position -0.66 to -0.48, velocity 0 to 0.014"),
        (0, "position -1.2 to -1.02, velocity -0.07 to -0.056"),
    ],
)
def test_a_cell_in_words(cell: int, words: str) -> None:
    """An edge that is 0 but for rounding is shown as 0."""
    car = resolve({"env": {"id": "MountainCar-v0"}, "buckets": 10, "engine": "gymnasium"})
    assert place_of_cell(car, cell) == words
