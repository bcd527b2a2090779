from __future__ import annotations

import numpy as np
import pytest

from qsweep.environments.grid import Grid, cells_at
from qsweep.policies.votes import Tables, agreement, agreements, centres, most_common
from qsweep.system.arrays import QTable


def tables(greedy: list[list[int]], visits: list[int], actions: int = 3, buckets: int = 0) -> Tables:
    """Tables over [0, 1) with these greedy actions, one list per seed."""
    grid = Grid((0.0,), (1.0,), (buckets or len(visits),))
    return Tables(grid, tuple(np.eye(actions)[chosen] for chosen in greedy), np.array(visits))


def test_agreement_of_seeds_by_hand() -> None:
    """Of three seeds, all agree in the first cell and two, one pair of three, in the second; visits weigh."""
    of = tables([[0, 1, 0], [0, 1, 1], [0, 2, 2]], [3, 1, 0])
    assert agreement(of, of) == pytest.approx((3 * 1 + 1 * 1 / 3) / 4)


def test_agreement_between_grids_by_hand() -> None:
    """Of four cells, the centre of the first of two lies in the second, that of the other in the last."""
    coarse, fine = tables([[0, 1]], [1, 3]), tables([[2, 0, 2, 2], [2, 2, 1, 1]], [1, 1, 1, 1])
    assert agreement(coarse, fine) == pytest.approx((1 * 1 / 2 + 3 * 1 / 2) / 4)
    shares = agreements([coarse, fine])
    assert np.isnan(shares[0, 0])  # a single seed has nobody to agree with
    assert shares[1, 0] == pytest.approx((0 + 1 / 2 + 1 / 2 * 1 + 1 / 2) / 4)


def test_tables_with_other_actions_or_tiles_are_not_compared() -> None:
    """What cannot be compared is NaN, not a number."""
    one, other = tables([[0, 1]], [1, 1]), tables([[0, 1]], [1, 1], actions=4)
    assert np.isnan(agreement(one, other))
    tiled = Tables(
        Grid((0.0,), (1.0,), (1,), tilings=2), (np.zeros((2, 2, 3)),) * 2, np.ones((2, 2), np.int64)
    )
    assert np.isnan(agreement(tiled, tiled))
    assert agreement(one, tiled) == pytest.approx(1 / 2)  # all zeros: the first action, in one cell of two


def test_the_most_common_action_is_the_first_tables_of_equals() -> None:
    """Two of three seeds decide; with one vote each, the first table's action stays."""
    of = tables([[0, 1, 2], [2, 1, 1], [2, 0, 0]], [1, 1, 1])
    greedy: QTable = most_common(of).argmax(axis=-1)
    assert greedy.tolist() == [2, 1, 2]


@pytest.mark.parametrize(
    "grid",
    [
        Grid((-1.2, -0.07), (0.6, 0.07), (7, 5)),
        Grid((0.0,), (16.0,), (16,)),
        Grid((0.0, 0.0), (1.0, 1.0), (2, 3), edges=((0.1,), (0.5, 0.9))),
    ],
)
def test_a_centre_lies_in_its_cell(grid: Grid) -> None:
    """On equal, discrete and learned buckets."""
    cells = np.arange(grid.cells)
    assert cells_at(grid, centres(grid, cells))[:, 0].tolist() == cells.tolist()
