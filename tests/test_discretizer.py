from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qsweep.discretizer import Grid, cell_of

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
    """A grid of 4 x 3 buckets over widths 2 and 1.5 has 2 buckets a unit each way and 12 cells."""
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
    """Buckets of 0.09 by 0.007 over MountainCar's bounds give the cells found with pencil and paper."""
    assert cell(MOUNTAIN_CAR, [position, velocity]) == expected


@quick
@given(grids_and_observations())
def test_every_observation_has_a_cell(case: tuple[Grid, list[float]]) -> None:
    """Whatever is observed, finite or infinite, the index is one of the grid's cells."""
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
def test_beyond_the_bounds_lies_the_edge_bucket(grid: Grid, beyond: float, data: st.DataObject) -> None:
    """Below `low` is the first bucket, at `high` and above the last, at infinity too."""
    above = data.draw(st.lists(st.booleans(), min_size=len(grid.low), max_size=len(grid.low)))
    sides = zip(above, grid.low, grid.high, strict=True)
    observation = [high + beyond if up else low - beyond for up, low, high in sides]
    expected = [n - 1 if up else 0 for up, n in zip(above, grid.buckets, strict=True)]
    assert buckets_of(grid, observation) == expected


@quick
@given(grids_and_observations(), st.data())
def test_the_index_grows_with_every_dimension(case: tuple[Grid, list[float]], data: st.DataObject) -> None:
    """Raising one coordinate, the others kept, never lowers the index."""
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
    """Over [start, start + n) with n buckets, start + k lies in bucket k exactly."""
    grid = Grid(low=(float(start),), high=(float(start + n),), buckets=(n,))
    values = np.arange(start, start + n, dtype=float)
    assert [cell(grid, [value]) for value in values] == list(range(n))


@pytest.mark.parametrize("bucket", range(1, 20))
def test_a_boundary_parts_two_buckets(bucket: int) -> None:
    """A trillionth on either side of MountainCar's b-th boundary lie buckets b - 1 and b."""
    edge = -1.2 + bucket * 0.09
    near = [buckets_of(MOUNTAIN_CAR, [x, 0.0])[0] for x in (edge - 1e-12, edge + 1e-12)]
    assert near == [bucket - 1, bucket]


@pytest.mark.parametrize("d", [0, 1])
def test_nan_has_no_cell(d: int) -> None:
    """An observation that is not a number raises rather than being given a cell."""
    observation = [0.0, 0.0]
    observation[d] = math.nan
    with pytest.raises(ValueError, match="NaN"):
        cell(MOUNTAIN_CAR, observation)
