from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qsweep.environments.grid import Cells, Grid, bucket_edges, cell_of, cells_at, lattice, locate
from qsweep.learning.compiler.compilation import compiled
from qsweep.system.arrays import Floats

MOUNTAIN_CAR = Grid(low=(-1.2, -0.07), high=(0.6, 0.07), buckets=(20, 20))

quick = settings(deadline=None)


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    sides = st.tuples(st.floats(-1e4, 1e4), st.floats(1e-2, 1e4), st.integers(1, 40))
    low, width, buckets = zip(*draw(st.lists(sides, min_size=1, max_size=4)), strict=True)
    high = tuple(bound + extent for bound, extent in zip(low, width, strict=True))
    return Grid(low, high, buckets)


@st.composite
def grids_and_observations(draw: st.DrawFn) -> tuple[Grid, list[float]]:
    grid = draw(grids())
    inside = [st.floats(low, high) for low, high in zip(grid.low, grid.high, strict=True)]
    anywhere = st.floats(allow_nan=False)
    return grid, [draw(st.one_of(bounded, anywhere)) for bounded in inside]


def cell(grid: Grid, observation: list[float]) -> int:
    return cell_of(observation, grid.low, grid.scale, grid.buckets)


def buckets_of(grid: Grid, observation: list[float]) -> list[int]:
    sides = zip(grid.low, grid.scale, grid.buckets, observation, strict=True)
    return [cell_of([x], [low], [scale], [n]) for low, scale, n, x in sides]


def test_scale_and_cells_are_those_computed_by_hand() -> None:
    """A grid of 4 x 3 buckets over widths 2 and 1.5 has 2 buckets per unit in each dimension and 12 cells."""
    grid = Grid(low=(-1.0, 0.0), high=(1.0, 1.5), buckets=(4, 3))
    assert grid.scale == (2.0, 2.0)
    assert grid.cells == 12


@pytest.mark.parametrize(
    ("position", "velocity", "expected"),
    [
        (-1.2, -0.07, 0),  # the lowest corner
        (-0.5, 0.0, 7 * 20 + 10),  # 0.7 / 0.09 = 7.8; 0.07 / 0.007 = 10
        (-0.43, 0.0345, 8 * 20 + 14),  # 0.77 / 0.09 = 8.6; 0.1045 / 0.007 = 14.9
        (0.5, -0.0695, 18 * 20 + 0),  # the goal: 1.7 / 0.09 = 18.9; 0.0005 / 0.007 = 0.07
        (0.6, 0.07, 399),  # the highest corner belongs to the last cell
    ],
)
def test_mountain_car_cells_are_those_computed_by_hand(
    position: float, velocity: float, expected: int
) -> None:
    """Buckets of 0.09 by 0.007 over MountainCar's bounds give the cells computed by hand."""
    assert cell(MOUNTAIN_CAR, [position, velocity]) == expected


@quick
@given(grids_and_observations())
def test_every_observation_has_a_cell(case: tuple[Grid, list[float]]) -> None:
    """For any observation, finite or infinite, the index is one of the grid's cells."""
    grid, observation = case
    assert cell(grid, observation) in range(grid.cells)


@quick
@given(grids_and_observations())
def test_the_index_is_flat_in_c_order(case: tuple[Grid, list[float]]) -> None:
    """The index is numpy's ravel_multi_index of the buckets of each dimension."""
    grid, observation = case
    expected = np.ravel_multi_index(buckets_of(grid, observation), grid.buckets)
    assert cell(grid, observation) == expected


@quick
@given(grids(), st.floats(0, math.inf), st.data())
def test_values_beyond_the_bounds_get_the_edge_bucket(grid: Grid, beyond: float, data: st.DataObject) -> None:
    """A value below `low` is in the first bucket, one from `high` to infinity in the last."""
    above = data.draw(st.lists(st.booleans(), min_size=len(grid.low), max_size=len(grid.low)))
    sides = zip(above, grid.low, grid.high, strict=True)
    observation = [high + beyond if up else low - beyond for up, low, high in sides]
    expected = [n - 1 if up else 0 for up, n in zip(above, grid.buckets, strict=True)]
    assert buckets_of(grid, observation) == expected


@quick
@given(grids_and_observations(), st.data())
def test_the_index_grows_with_every_dimension(case: tuple[Grid, list[float]], data: st.DataObject) -> None:
    """Raising one coordinate, with the others unchanged, never lowers the index."""
    grid, observation = case
    d = data.draw(st.integers(0, len(observation) - 1))
    higher = observation.copy()
    higher[d] = data.draw(st.floats(min_value=observation[d]))
    assert cell(grid, observation) <= cell(grid, higher)


@quick
@given(grids(), st.data())
def test_buckets_are_equally_wide(grid: Grid, data: st.DataObject) -> None:
    """The middle of the b-th of n equal parts of [low, high] lies in bucket b."""
    picked = [data.draw(st.integers(0, n - 1)) for n in grid.buckets]
    sides = zip(picked, grid.low, grid.high, grid.buckets, strict=True)
    middles = [low + (b + 0.5) * (high - low) / n for b, low, high, n in sides]
    assert buckets_of(grid, middles) == picked


@quick
@given(st.integers(-(10**6), 10**6), st.integers(1, 1000))
def test_each_value_of_a_discrete_dimension_has_its_own_bucket(start: int, n: int) -> None:
    """With n buckets over [start, start + n), start + k is in bucket k."""
    grid = Grid(low=(float(start),), high=(float(start + n),), buckets=(n,))
    values = np.arange(start, start + n, dtype=float)
    assert [cell(grid, [value]) for value in values] == list(range(n))


@pytest.mark.parametrize("bucket", range(1, 20))
def test_a_boundary_separates_two_buckets(bucket: int) -> None:
    """A trillionth below MountainCar's b-th boundary is bucket b - 1, a trillionth above it bucket b."""
    edge = -1.2 + bucket * 0.09
    near = [buckets_of(MOUNTAIN_CAR, [x, 0.0])[0] for x in (edge - 1e-12, edge + 1e-12)]
    assert near == [bucket - 1, bucket]


@pytest.mark.parametrize("d", [0, 1])
def test_nan_has_no_cell(d: int) -> None:
    """An observation with NaN raises ValueError; in compiled loops it has some cell of the grid."""
    observation = [0.0, 0.0]
    observation[d] = math.nan
    one = Grid((-1.0, -1.0), (1.0, 1.0), (4, 4))
    for made in (one, replace(one, tilings=2)):
        with pytest.raises(ValueError, match="NaN"):
            cells_at(made, np.array([observation]))
        found = np.zeros(made.tilings, np.int64)
        locate(lattice(made), np.array(observation), found)
        assert 0 <= found[0] < made.cells
    assert cell_of(observation, [-1.0, -1.0], [2.0, 2.0], [4, 4]) == (2 if d == 0 else 8)


@st.composite
def learned(draw: st.DrawFn) -> Grid:
    """Draw a grid with arbitrary edges, some of them equal."""
    counts = draw(st.lists(st.integers(1, 8), min_size=1, max_size=3))
    edges = [sorted(draw(st.lists(st.floats(-1, 1), min_size=n - 1, max_size=n - 1))) for n in counts]
    k = len(counts)
    return Grid((-1.0,) * k, (1.0,) * k, tuple(counts), tuple(map(tuple, edges)))


@st.composite
def tiled(draw: st.DrawFn) -> Grid:
    """Draw a grid with several tilings."""
    plain = draw(grids())
    return Grid(plain.low, plain.high, plain.buckets, tilings=draw(st.integers(2, 9)))


def located(grid: Grid, observation: list[float]) -> list[int]:
    """Return the cells of one observation, as an agent computes them."""
    cells = np.zeros(grid.tilings, np.int64)
    locate(lattice(grid), np.array(observation), cells)
    return cells.tolist()


def observations(grid: Grid, data: st.DataObject) -> Floats:
    """Draw observations inside the grid, on its edges, outside and at infinity."""
    sides = zip(grid.low, grid.high, bucket_edges(grid), strict=True)
    each = [
        st.one_of(st.floats(low, high), st.sampled_from(edges), st.floats(allow_nan=False))
        for low, high, edges in sides
    ]
    return np.array(data.draw(st.lists(st.tuples(*each), min_size=1, max_size=5)), np.float64)


@quick
@given(grids() | learned() | tiled(), st.data())
def test_cells_at_are_those_that_an_agent_locates(grid: Grid, data: st.DataObject) -> None:
    """For many observations at once, numpy gives the cells that the agent computes one by one."""
    seen = observations(grid, data)
    with np.errstate(over="ignore"):
        assert cells_at(grid, seen).tolist() == [located(grid, one) for one in seen.tolist()]


KINDS = {
    "uniform": MOUNTAIN_CAR,
    "learned": Grid((-1.2, -0.07), (0.6, 0.07), (4, 3), ((-0.6, -0.5, -0.45), (-0.01, 0.01))),
    "tiles": Grid((-1.2, -0.07), (0.6, 0.07), (8, 8), tilings=8),
}


@pytest.mark.parametrize("kind", KINDS)
def test_compiled_code_locates_the_same_cells(kind: str) -> None:
    """Compiled code and the interpreter agree on 10,000 observations, many of them out of bounds."""
    from numba import float64, int64, typeof, void

    grid = KINDS[kind]
    arrays, generator = lattice(grid), np.random.default_rng(1)
    compiled_locate = compiled(locate, void(typeof(arrays), float64[::1], int64[::1]))
    low, high = np.array(grid.low), np.array(grid.high)
    seen = low + (high - low) * generator.uniform(-0.3, 1.3, size=(10_000, 2))
    found: Cells = np.zeros((len(seen), grid.tilings), np.int64)
    for one, cells in zip(seen, found, strict=True):
        compiled_locate(arrays, one, cells)
    assert found.tolist() == cells_at(grid, seen).tolist()
    assert len(np.unique(found)) > grid.cells / 2


@quick
@given(tiled(), st.data())
def test_every_observation_lies_in_one_tile_of_every_tiling(grid: Grid, data: st.DataObject) -> None:
    """The t-th cell of an observation is a tile of tiling t."""
    per_tiling = grid.cells // grid.tilings
    assert grid.shape == (grid.tilings, *(n + 1 for n in grid.buckets))
    with np.errstate(over="ignore"):
        for cells in cells_at(grid, observations(grid, data)).tolist():
            assert [cell // per_tiling for cell in cells] == list(range(grid.tilings))


def test_tilings_are_shifted_as_computed_by_hand() -> None:
    """Four tilings over [0, 4) x [0, 4) in 4 x 4 buckets are each shifted by another (1, 3) quarters."""
    grid = Grid((0.0, 0.0), (4.0, 4.0), (4, 4), tilings=4)
    assert grid.offsets.tolist() == [[0, 0], [0.25, 0.75], [0.5, 0.5], [0.75, 0.25]]
    # 1.6 and 2.3 shifted: (1.6, 2.3), (1.85, 3.05), (2.1, 2.8), (2.35, 2.55); a tiling has 5 x 5 tiles.
    assert located(grid, [1.6, 2.3]) == [1 * 5 + 2, 25 + 1 * 5 + 3, 50 + 2 * 5 + 2, 75 + 2 * 5 + 2]
    assert located(grid, [9.0, -9.0]) == [4 * 5, 25 + 4 * 5, 50 + 4 * 5, 75 + 4 * 5]


@quick
@given(st.integers(2, 8), st.integers(1, 10), st.data())
def test_tilings_are_finer_than_one_grid(tilings: int, buckets: int, data: st.DataObject) -> None:
    """In one dimension, n tilings together have n steps in the width of one bucket."""
    grid = Grid((0.0,), (float(buckets),), (buckets,), tilings=tilings)
    x = data.draw(st.integers(0, buckets * tilings - 2))
    one, other = (located(grid, [(x + half) / tilings]) for half in (0.5, 1.5))
    assert sum(a != b for a, b in zip(one, other, strict=True)) == 1


def test_learned_cells_are_those_computed_by_hand() -> None:
    """An edge belongs to the bucket above it; no value is in the bucket between two equal edges."""
    grid = Grid((0.0, 0.0), (10.0, 1.0), (4, 2), ((1.0, 5.0, 5.0), (0.5,)))
    places = [(0.9, 0), (1.0, 1), (4.9, 1), (5.0, 3), (99.0, 3), (-99.0, 0)]
    assert [located(grid, [x, 0.7])[0] for x, _ in places] == [2 * bucket + 1 for _, bucket in places]
    assert bucket_edges(grid) == [[0.0, 1.0, 5.0, 5.0, 10.0], [0.0, 0.5, 1.0]]


def test_one_bucket_needs_no_edge() -> None:
    """A dimension with one bucket has no inner edge, and a grid of such dimensions has one cell."""
    assert located(Grid((0.0,), (1.0,), (1,), ((),)), [5.0]) == [0]
    assert located(Grid((0.0, 0.0), (1.0, 1.0), (1, 2), ((), (0.5,))), [5.0, 0.6]) == [1]
