from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from qsweep.config import Env
from qsweep.environments.facts import facts
from qsweep.environments.grid import Grid, cells_at
from qsweep.pictures.grid_worlds import maps
from qsweep.pictures.labels import VIEWS
from qsweep.pictures.layouts import layout
from qsweep.pictures.surfaces import Layout, Panel, edges
from qsweep.plan.composition import load_resolved
from qsweep.policies.policy import bucket_edges
from tests.support.settings import on_grid

LOW, HIGH = (-1.2, -0.07), (0.6, 0.07)
CAR = Env("MountainCar-v0")
POLE = Grid((-2.4, -3.0, -0.2095, -3.5), (2.4, 3.0, 0.2095, 3.5), (3, 3, 12, 8))

quick = settings(deadline=None, max_examples=40)


class Cube(gymnasium.Env[Any, int]):
    """An unknown environment with a given observation space."""

    action_space = spaces.Discrete(2)

    def __init__(self, space: Any = None, shape: tuple[int, ...] | None = None) -> None:
        self.observation_space = space or spaces.Box(0.0, 1.0, (4,), np.float64)
        if shape:
            self.shape = shape


SPACES: dict[str, dict[str, Any]] = {
    "Cube-v0": {},
    "Strip-v0": {"space": spaces.Discrete(7, start=3)},
    "Maze-v0": {"space": spaces.Discrete(6), "shape": (2, 3)},
    "Mixed-v0": {"space": spaces.MultiDiscrete([3, 4])},
    "Line-v0": {"space": spaces.Box(-1.0, 1.0, (1,), np.float64)},
}


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    """Register the environments of this file."""
    for name, kwargs in SPACES.items():
        gymnasium.register(name, entry_point=Cube, kwargs=kwargs)
    yield
    for name in SPACES:
        del gymnasium.registry[name]


def of_preset(preset: str, *lines: str, changes: Any = None, panels: int = 3) -> tuple[Layout, Grid]:
    """Return the layout of a preset's Q-table, and its grid."""
    made = load_resolved([f"env={preset}", *lines])
    return layout(made, changes, panels), made.grid


def random_table(grid: Grid, actions: int, seed: int = 0) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(*grid.shape, actions))


def interval(side: npt.NDArray[np.float64], x: float) -> int:
    """Return the index of the interval that contains a value."""
    return int(np.flatnonzero((side[:-1] <= x) & (x < side[1:]))[0])


def points(grid: Grid, count: int = 200, seed: int = 1) -> npt.NDArray[np.float64]:
    """Return observations inside the bounds of a grid."""
    return np.random.default_rng(seed).uniform(grid.low, grid.high, size=(count, len(grid.low)))


def by_definition(
    grid: Grid, table: npt.NDArray[np.float64], seen: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the action values of observations by their definition, a sum over cells, [n, actions]."""
    return np.asarray(table.reshape(-1, table.shape[-1])[cells_at(grid, seen)].sum(axis=1))


def agrees(panel: Panel, grid: Grid, table: npt.NDArray[np.float64], seen: npt.NDArray[np.float64]) -> bool:
    """Return whether a panel of the first two dimensions shows the exact values of observations."""
    shown = panel.action_values(table)
    found = [shown[interval(panel.x.edges, x), interval(panel.y.edges, y)] for x, y in seen[:, :2]]
    return np.allclose(found, by_definition(grid, table, seen), rtol=0, atol=1e-12)


def test_a_table_of_two_dimensions_is_shown_as_it_is() -> None:
    """Column i and row j are bucket i of the first and j of the second dimension, with exact edges."""
    grid = Grid(LOW, HIGH, (20, 30))
    shown = layout(on_grid(CAR, grid, 3))
    [panel] = shown.panels
    table = random_table(grid, 3)
    assert np.array_equal(panel.action_values(table), table)
    assert np.array_equal(panel.greedy(table), table.argmax(axis=2))
    assert [panel.x.edges.tolist(), panel.y.edges.tolist()] == bucket_edges(grid)
    assert (panel.x.name, panel.y.name) == ("position", "velocity (per step)")
    assert shown.actions == ("push left", "no push", "push right")
    assert (shown.fixed, panel.fixed, panel.x.labels) == ("", "", ())


def test_learned_edges() -> None:
    """Learned edges lie between the bounds; an edge beyond a bound replaces it."""
    grid = Grid((0.0, 0.0), (1.0, 1.0), (3, 3), edges=((0.1, 0.7), (0.5, 1.5)))
    x, y = edges(grid)
    assert x.tolist() == [0.0, 0.1, 0.7, 1.0]
    assert y.tolist() == [0.0, 0.5, 1.5, 1.5]
    uneven = Grid(LOW, HIGH, (4, 3), edges=((-1.0, -0.9, 0.3), (-0.01, 0.05)))
    [panel] = layout(on_grid(CAR, uneven, 3)).panels
    assert agrees(panel, uneven, random_table(uneven, 3), points(uneven))


def test_edges_of_two_tilings_by_hand() -> None:
    """Two tilings of two buckets, the second shifted by half a bucket, divide the range into quarters."""
    x, y = edges(Grid((0.0, 10.0), (4.0, 20.0), (2, 2), tilings=2))
    assert x.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert y.tolist() == [10.0, 12.5, 15.0, 17.5, 20.0]


def test_values_of_two_tilings_by_hand() -> None:
    """At 1.5 of 0 to 4 the value sums the first tile of the first tiling and the second of the second."""
    grid = Grid((0.0,), (4.0,), (2,), tilings=2)
    table = np.array([[[1.0], [2.0], [4.0]], [[10.0], [20.0], [40.0]]])
    [panel] = layout(on_grid(Env("Line-v0"), grid, 1)).panels
    assert panel.x.edges.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert panel.action_values(table)[:, 0, 0].tolist() == [11.0, 21.0, 22.0, 42.0]


@pytest.mark.slow
@quick
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.sampled_from([1, 2, 3, 4, 5, 8, 16]),
    st.integers(0, 2**32 - 1),
)
def test_tilings_are_drawn_exactly(buckets: tuple[int, int], tilings: int, seed: int) -> None:
    """At any observation, the picture shows the sum over its tiles."""
    grid = Grid(LOW, HIGH, buckets, tilings=tilings)
    [panel] = layout(on_grid(CAR, grid, 3)).panels
    assert agrees(panel, grid, random_table(grid, 3, seed), points(grid, seed=seed))


def test_counts_of_tilings_are_those_of_the_tile_that_has_most() -> None:
    """A cell has changed if any of its tiles has."""
    grid = Grid((0.0,), (4.0,), (2,), tilings=2)
    [panel] = layout(on_grid(Env("Line-v0"), grid, 1)).panels
    assert panel.counts(np.array([[1, 2, 0], [5, 0, 3]]))[:, 0].tolist() == [5, 1, 2, 3]


def test_one_dimension_is_a_strip() -> None:
    """The panel has one unnamed row, over buckets of a continuous or states of a discrete dimension."""
    grid = Grid((-1.0,), (1.0,), (4,))
    [panel] = layout(on_grid(Env("Line-v0"), grid, 2)).panels
    table = random_table(grid, 2)
    assert np.array_equal(panel.action_values(table)[:, 0], table)
    assert (panel.y.edges.tolist(), panel.y.name, panel.map) == ([0.0, 1.0], "", None)
    assert (panel.x.name, panel.is_strip) == ("dimension 0", True)
    assert np.allclose(panel.x.edges, [-1.0, -0.5, 0.0, 0.5, 1.0], rtol=0, atol=1e-15)
    [strip] = layout(on_grid(Env("Strip-v0"), Grid((3.0,), (10.0,), (7,)), 2)).panels
    assert (strip.x.name, strip.x.labels) == ("state", tuple("3456789"))


def test_discrete_dimensions_are_labelled_with_their_values() -> None:
    """Each bucket of a discrete dimension is labelled with its value."""
    [panel] = layout(on_grid(Env("Mixed-v0"), Grid((0.0, 0.0), (3.0, 4.0), (3, 4)), 2)).panels
    assert (panel.x.labels, panel.y.labels) == (("0", "1", "2"), ("0", "1", "2", "3"))
    assert (panel.x.name, panel.y.name) == ("dimension 0", "dimension 1")


def test_cart_pole_is_cut_into_slices() -> None:
    """The panels show angle and angular velocity at three cart positions and the middle cart velocity."""
    shown, grid = of_preset("cart_pole")
    table = random_table(grid, 2)
    assert grid == POLE
    assert shown.fixed == "cart velocity -1 to 1 m/s"
    assert [panel.fixed for panel in shown.panels] == [
        "cart position -2.4 to -0.8 m",
        "cart position -0.8 to 0.8 m",
        "cart position 0.8 to 2.4 m",
    ]
    for position, panel in enumerate(shown.panels):
        assert (panel.x.name, panel.y.name) == ("pole angle (rad)", "pole angular velocity (rad/s)")
        assert np.array_equal(panel.action_values(table), table[position, 1])


def test_hidden_dimensions_are_fixed_at_the_most_visited_bucket() -> None:
    """The velocity is the most visited one, and the panels are the three positions most visited at it."""
    grid = Grid(POLE.low, POLE.high, (4, 3, 12, 8))
    changes = np.zeros((4, 3, 12, 8), np.int64)
    changes[:, 2] = 1
    changes[[0, 2, 3], 2] = 5
    changes[1, 0, 3, 3] = 90  # much in one cell, little in all
    shown = layout(on_grid(Env("CartPole-v1"), grid, 2), changes=changes)
    table = random_table(grid, 2)
    assert shown.fixed == "cart velocity 1 to 3 m/s"
    for position, panel in zip([0, 2, 3], shown.panels, strict=True):
        assert np.array_equal(panel.action_values(table), table[position, 2])


@pytest.mark.parametrize(("panels", "positions"), [(1, [1]), (2, [0, 2]), (3, [0, 1, 2]), (9, [0, 1, 2])])
def test_slices_are_spread_evenly(panels: int, positions: list[int]) -> None:
    """Without known visits, slices are evenly spaced, and never more than there are buckets."""
    grid = POLE
    shown = layout(on_grid(Env("CartPole-v1"), grid, 2), panels=panels)
    table = random_table(grid, 2)
    found = [panel.action_values(table) for panel in shown.panels]
    assert len(found) == len(positions)
    assert all(np.array_equal(f, table[p, 1]) for f, p in zip(found, positions, strict=True))


def test_of_an_unknown_environment_the_finest_dimensions_are_shown() -> None:
    """The two dimensions with the most buckets are shown, slices over the third, the last at its middle."""
    grid = Grid((0.0,) * 4, (1.0,) * 4, (5, 2, 9, 3))
    shown = layout(on_grid(Env("Cube-v0"), grid, 2))
    table = random_table(grid, 2)
    assert shown.actions == ("action 0", "action 1")
    assert shown.fixed == "dimension 1 0.5 to 1"
    assert [panel.fixed[:11] for panel in shown.panels] == ["dimension 3"] * 3
    assert (shown.panels[0].x.name, shown.panels[0].y.name) == ("dimension 0", "dimension 2")
    assert all(np.array_equal(p.action_values(table), table[:, 1, :, k]) for k, p in enumerate(shown.panels))


def test_slices_of_tilings_are_exact() -> None:
    """Every observation in the interval of a slice has the values that are shown."""
    grid = Grid((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (3, 4, 2), tilings=4)
    gymnasium.register("Box-v0", entry_point=Cube, kwargs={"space": spaces.Box(0.0, 1.0, (3,), np.float64)})
    changes = np.zeros(grid.shape, np.int64)
    changes[0, 1, 1, 1] = 3  # the upper half of the last dimension, in the first tiling
    try:
        shown = layout(on_grid(Env("Box-v0"), grid, 2), changes=changes, panels=1)
    finally:
        del gymnasium.registry["Box-v0"]
    [panel] = shown.panels
    assert panel.fixed == "dimension 2 0.5 to 0.625"
    seen = points(grid)
    seen[:, 2] = 0.5 + seen[:, 2] / 8 * 0.99
    assert agrees(panel, grid, random_table(grid, 2), seen)


def test_blackjack_is_shown_as_in_the_textbook() -> None:
    """The x axis is the dealer's card from ace to 10, y the sum from 4 to 21; panels: usable ace."""
    shown, grid = of_preset("blackjack")
    table = random_table(grid, 2)
    assert [panel.fixed for panel in shown.panels] == ["usable ace: no", "usable ace: yes"]
    for ace, panel in enumerate(shown.panels):
        assert panel.x.labels == ("ace", *map(str, range(2, 11)))
        assert panel.y.labels == tuple(map(str, range(4, 22)))
        expected = np.swapaxes(table[4:22, 1:11, ace], 0, 1)
        assert np.array_equal(panel.action_values(table), expected)


def test_frozen_lake_is_a_map() -> None:
    """State 0 is at the top left, the goal at the bottom right; holes and the goal end the episode."""
    shown, _ = of_preset("frozen_lake")
    [panel] = shown.panels
    assert panel.map is not None
    assert panel.cells[:, ::-1, 0].T.tolist() == np.arange(16).reshape(4, 4).tolist()
    rows = ["".join(letter or "." for letter in row) for row in panel.map.signs[:, ::-1].T]
    assert rows == ["S...", ".H.H", "...H", "H..G"]
    assert np.array_equal(panel.map.ends, np.isin(panel.map.signs, ["H", "G"]))
    assert (panel.x.labels, panel.y.labels) == (tuple("0123"), tuple("3210"))


@pytest.mark.parametrize(
    ("kwargs", "letters"), [({"map_name": "8x8"}, "S" + "." * 18 + "H"), ({"desc": ["SFH", "FFG"]}, "S.H..G")]
)
def test_the_map_is_that_of_the_arguments(kwargs: dict[str, Any], letters: str) -> None:
    """The map's size and holes are read from the environment."""
    env = Env("FrozenLake-v1", kwargs=kwargs)
    states = 64 if "map_name" in kwargs else 6
    (panel,), _ = maps(on_grid(env, Grid((0.0,), (float(states),), (states,)), 1))
    assert panel.map is not None
    signs = panel.map.signs[:, ::-1].T.ravel()
    assert "".join(sign or "." for sign in signs)[: len(letters)] == letters


def test_cliff_walking_is_a_map() -> None:
    """The map has 12 columns and 4 rows; the lowest row has start, cliff and goal."""
    shown, _ = of_preset("cliff_walking")
    [panel] = shown.panels
    assert panel.map is not None
    assert panel.cells.shape == (12, 4, 1)
    assert "".join(panel.map.signs[:, 0]) == "SCCCCCCCCCCG"
    world: Any = gymnasium.make("CliffWalking-v1").unwrapped
    for x, y in np.argwhere(panel.map.signs != ""):
        state, letter = int(panel.cells[x, y, 0]), panel.map.signs[x, y]
        above = state - 12
        [(_, next_state, reward, over)] = world.P[above][2]  # down, onto that place
        assert (reward == -100) == (letter == "C")
        assert over == (letter == "G")
        assert next_state == (36 if letter in "SC" else state)


@pytest.mark.parametrize(("name", "states"), [("WindyGridworld", 70), ("DynaMaze", 54)])
def test_the_books_gridworlds_are_maps(name: str, states: int) -> None:
    """Start and goal have letters, walls have none; at the goal and in walls no action is taken."""
    env = Env(f"qsweep/{name}-v0")
    (panel,), _ = maps(on_grid(env, Grid((0.0,), (float(states),), (states,)), 4))
    assert panel.map is not None
    signs, ends = panel.map.signs[:, ::-1].T, panel.map.ends[:, ::-1].T
    world: Any = gymnasium.make(env.id).unwrapped
    assert panel.cells[:, ::-1, 0].T.ravel().tolist() == list(range(states))
    assert signs.tolist() == [[letter if letter in "SG" else "" for letter in row] for row in world.desc]
    assert ends.tolist() == [[letter in "G#" for letter in row] for row in world.desc]


def test_a_world_of_one_row_is_a_map() -> None:
    """The book's are not, but a lake may be one; its ice has no letter."""
    env = Env("FrozenLake-v1", kwargs={"desc": ["SFHG"]})
    (panel,), _ = maps(on_grid(env, Grid((0.0,), (4.0,), (4,)), 4))
    assert panel.map is not None
    assert panel.map.signs.T.tolist() == [["S", "", "H", "G"]]


def test_taxi_is_a_map_for_two_locations_of_the_passenger() -> None:
    """States are Taxi's own numbers with the destination G; walls block moves to the east."""
    shown, _ = of_preset("taxi")
    assert [panel.fixed for panel in shown.panels] == ["passenger at R", "passenger on board"]
    assert shown.fixed == "destination: G"
    world: Any = gymnasium.make("Taxi-v4").unwrapped
    for passenger, panel in zip([0, 4], shown.panels, strict=True):
        assert panel.map is not None
        walls = {points[0] for points in panel.map.walls}
        for x, y in np.ndindex(5, 5):
            row = 4 - y
            state = int(panel.cells[x, y, 0])
            assert tuple(world.decode(state)) == (row, x, passenger, 1)
            [(_, after, _, _)] = world.P[state][2]  # east
            blocked = after == state
            assert blocked == (x == 4 or (x + 1.0, float(y)) in walls)
        letters = {str(panel.map.signs[c, 4 - r]) for r, c in world.locs}
        assert letters == set("RGYB")


def test_an_unknown_map_has_no_signs() -> None:
    """A map of which only the shape is known has no signs."""
    (panel,), _ = maps(on_grid(Env("Maze-v0"), Grid((0.0,), (6.0,), (6,)), 1))
    assert panel.map is not None
    assert panel.cells[:, ::-1, 0].T.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert not panel.map.signs.any()
    assert not panel.map.ends.any()
    assert maps(on_grid(Env("Strip-v0"), Grid((3.0,), (10.0,), (7,)), 1)) == ((), "")


def test_views_fit_the_environments() -> None:
    """Every dimension that is shown along an axis or in slices exists."""
    for env_id, view in VIEWS.items():
        assert max(view.x, view.y, view.slices) < len(facts(env_id).dimensions), env_id
