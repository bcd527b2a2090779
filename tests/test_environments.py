from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from qsweep.composition import load_config
from qsweep.config import Env
from qsweep.environments import STEP_LIMIT, TABLE_LIMIT, Description, Dimension, bounded, describe, grid, make
from qsweep.problems import Problem, UsageError
from qsweep.resolution import resolve

Space = spaces.Space[Any]
TWO = spaces.Discrete(2)
FLOATS = {
    "low": np.array([-1.2, -0.07, -3.4028235e38, 0.1], np.float32),
    "high": np.array([0.6, 0.07, 3.4028235e38, 1e-05], np.float32),
}
OBSERVATIONS: dict[str, Space] = {
    "Box": spaces.Box(np.array([-1.2, 0], np.float32), np.array([0.6, 1], np.float32)),
    "Matrix": spaces.Box(-1.0, 1.0, (2, 2), np.float32),
    "Pixels": spaces.Box(0, 255, (3,), np.uint8),
    "Doubles": spaces.Box(np.array([-0.1]), np.array([0.3]), dtype=np.float64),
    "Unbounded": spaces.Box(-np.inf, np.inf, (2,), np.float32),
    "Largest": spaces.Box(FLOATS["low"][:3], FLOATS["high"][:3]),
    "Discrete": spaces.Discrete(5),
    "FromThree": spaces.Discrete(4, start=3),
    "Below": spaces.Discrete(3, start=-1),
    "Multi": spaces.MultiDiscrete(np.array([2, 3]), start=np.array([1, -1])),
    "Grid": spaces.MultiDiscrete(np.array([[2, 3], [4, 5]])),
    "Tuple": spaces.Tuple((spaces.Discrete(3, start=1), spaces.Discrete(2))),
    "TupleOfBox": spaces.Tuple((spaces.Discrete(3), spaces.Box(0, 1, (1,), np.float32))),
    "Dict": spaces.Dict({"x": spaces.Discrete(2)}),
    "Text": spaces.Text(3),
    "Binary": spaces.MultiBinary(3),
    "Sequence": spaces.Sequence(spaces.Discrete(2)),
}
ACTIONS: dict[str, Space] = {
    "ActBox": spaces.Box(-1, 1, (1,), np.float32),
    "ActMulti": spaces.MultiDiscrete(np.array([2, 2])),
    "ActBinary": spaces.MultiBinary(2),
    "ActFromFive": spaces.Discrete(3, start=5),
}


class Fixed(gymnasium.Env[Any, Any]):
    """An environment of given spaces."""

    def __init__(self, **given: Any) -> None:
        self.observation_space = given["observations"]
        self.action_space = given["actions"]


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    """An environment for each space above, and two more: one with a limit, one that cannot be made."""
    pairs: dict[str, tuple[Space, Space]] = {name: (space, TWO) for name, space in OBSERVATIONS.items()}
    pairs |= {name: (TWO, space) for name, space in ACTIONS.items()}
    for name, (observations, actions) in pairs.items():
        given = {"observations": observations, "actions": actions}
        gymnasium.register(f"spaces/{name}-v0", entry_point=Fixed, kwargs=given)
    given = {"observations": TWO, "actions": TWO}
    gymnasium.register("spaces/Limited-v0", entry_point=Fixed, kwargs=given, max_episode_steps=70)
    yield
    for name in [*pairs, "Limited"]:
        del gymnasium.registry[f"spaces/{name}-v0"]


def described(name: str) -> Description:
    """What is found of the environment of a space."""
    return describe(env(name))


def env(name: str, **more: Any) -> Env:
    """The environment of a space."""
    return Env(id=f"spaces/{name}-v0", **more)


def refused(name: str) -> Problem:
    """The one problem that an environment of that space has."""
    with pytest.raises(UsageError) as caught:
        described(name)
    [problem] = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("name", "dimensions"),
    [
        ("Box", (Dimension(-1.2, 0.6), Dimension(0, 1))),
        ("Matrix", (Dimension(-1, 1),) * 4),
        ("Pixels", (Dimension(0, 255),) * 3),
        ("Doubles", (Dimension(-0.1, 0.3),)),
        ("Discrete", (Dimension(0, 5, 5),)),
        ("FromThree", (Dimension(3, 7, 4),)),
        ("Below", (Dimension(-1, 2, 3),)),
        ("Multi", (Dimension(1, 3, 2), Dimension(-1, 2, 3))),
        ("Grid", tuple(Dimension(0, n, n) for n in (2, 3, 4, 5))),
        ("Tuple", (Dimension(1, 4, 3), Dimension(0, 2, 2))),
    ],
)
def test_dimensions(name: str, dimensions: tuple[Dimension, ...]) -> None:
    """Each number of an observation is a dimension, with its bounds and, if discrete, its count."""
    assert described(name).dimensions == dimensions


@pytest.mark.parametrize(
    ("name", "seen", "numbers"),
    [
        ("Box", np.array([0.5, 0.25], np.float32), [0.5, 0.25]),
        ("Matrix", np.array([[1, 2], [3, 4]], np.float32), [1.0, 2.0, 3.0, 4.0]),
        ("Discrete", np.int64(4), [4.0]),
        ("FromThree", 3, [3.0]),
        ("Multi", np.array([1, -1]), [1.0, -1.0]),
        ("Tuple", (np.int64(2), 1), [2.0, 1.0]),
    ],
)
def test_an_observation_becomes_one_number_a_dimension(name: str, seen: Any, numbers: list[float]) -> None:
    """Encoding gives floats, one per dimension, in the order of the dimensions."""
    found = described(name).encode(seen)
    assert found == numbers
    assert {type(number) for number in found} == {float}


@pytest.mark.parametrize("name", ["Box", "Matrix", "Discrete", "FromThree", "Multi", "Grid", "Tuple"])
def test_what_a_space_samples_lies_within_its_dimensions(name: str) -> None:
    """Whatever the space gives is encoded within the bounds found."""
    found, space = described(name), OBSERVATIONS[name]
    space.seed(0)
    for _ in range(50):
        numbers = found.encode(space.sample())
        assert all(d.low <= x <= d.high for x, d in zip(numbers, found.dimensions, strict=True))


@pytest.mark.parametrize("env_id", ["MountainCar-v0", "CartPole-v1", "Acrobot-v1"])
def test_bounds_are_what_a_person_would_write(env_id: str) -> None:
    """float32's -1.2 is -1.2, not -1.2000000476837158."""
    bounds = [bound for d in describe(Env(id=env_id)).dimensions for bound in (d.low, d.high)]
    assert [bound for bound in bounds if np.float32(bound) != bound and len(repr(bound)) > 11] == []


def test_mountain_cars_bounds() -> None:
    """The tutorial's environment has the bounds that its pages name."""
    found = describe(Env())
    assert found.dimensions == (Dimension(-1.2, 0.6), Dimension(-0.07, 0.07))
    assert (found.actions, found.first_action, found.step_limit) == (3, 0, 200)


@pytest.mark.parametrize("name", ["TupleOfBox", "Dict", "Text", "Binary", "Sequence"])
def test_observations_that_are_no_table_are_refused(name: str) -> None:
    """Other observations are refused, naming the environment and its space."""
    problem = refused(name)
    assert problem.key == "env.id"
    assert problem.rule.startswith("must have Discrete, MultiDiscrete, Tuple-of-Discrete or Box observations")
    assert problem.given == f"spaces/{name}-v0"
    assert type(OBSERVATIONS[name]).__name__ in problem.remedy


@pytest.mark.parametrize("name", ["ActBox", "ActMulti", "ActBinary"])
def test_actions_that_are_no_choice_of_one_are_refused(name: str) -> None:
    """Other actions are refused, naming the environment and its space."""
    problem = refused(name)
    assert (problem.key, problem.rule) == ("env.id", "must have Discrete actions")
    assert type(ACTIONS[name]).__name__ in problem.remedy


def test_actions_may_start_anywhere() -> None:
    """What the first action is called is known, so that action 0 of the table can be played."""
    found = described("ActFromFive")
    assert (found.actions, found.first_action) == (3, 5)


def test_an_environment_that_is_not_there_is_refused() -> None:
    """An id that Gymnasium does not know is refused with Gymnasium's own words."""
    with pytest.raises(UsageError, match="doesn't exist"):
        describe(Env(id="spaces/Nowhere-v0"))


@pytest.mark.parametrize("kwargs", [{"wind": 1}, {"goal_velocity": 0, "wind": [1, 2]}])
def test_arguments_that_do_not_suit_are_refused(kwargs: dict[str, Any]) -> None:
    """Arguments that the environment does not take are the problem, not its id."""
    with pytest.raises(UsageError) as caught:
        describe(Env(kwargs=kwargs))
    assert [(p.key, p.given) for p in caught.value.problems] == [("env.kwargs", kwargs)]


def test_arguments_reach_the_environment() -> None:
    """Two sets of arguments are two descriptions."""
    small, large = ({"map_name": name} for name in ("4x4", "8x8"))
    found = [describe(Env(id="FrozenLake-v1", kwargs=kwargs)) for kwargs in (small, large)]
    assert [d.dimensions[0].values for d in found] == [16, 64]


@pytest.mark.parametrize("name", ["Box", "Matrix", "Doubles"])
def test_bounds_left_out_are_the_environments(name: str) -> None:
    """Where no bounds are given, those of the environment are filled in."""
    found = described(name)
    filled, problems = bounded(env(name), found)
    assert problems == []
    assert filled.low == tuple(d.low for d in found.dimensions)
    assert filled.high == tuple(d.high for d in found.dimensions)


def test_bounds_given_are_kept() -> None:
    """One side may be given alone; the other is the environment's."""
    filled, problems = bounded(env("Box", low=(-0.5, 0.25)), described("Box"))
    assert (filled.low, filled.high, problems) == ((-0.5, 0.25), (0.6, 1.0), [])


@pytest.mark.parametrize("name", ["Discrete", "Multi", "Tuple"])
def test_discrete_observations_have_no_bounds(name: str) -> None:
    """Discrete observations stay without bounds, and bounds given are a problem."""
    filled, problems = bounded(env(name), described(name))
    assert (filled.low, filled.high, problems) == (None, None, [])
    count = len(described(name).dimensions)
    _, problems = bounded(env(name, low=(0.0,) * count, high=(1.0,) * count), described(name))
    assert [(p.key, p.rule.partition(":")[0]) for p in problems] == [
        ("env.low", "does not apply"),
        ("env.high", "does not apply"),
    ]


@pytest.mark.parametrize("name", ["Unbounded", "Largest"])
def test_unbounded_dimensions_need_bounds(name: str) -> None:
    """A dimension without bounds, or with the largest float for one, is a problem of its own."""
    _, problems = bounded(env(name), described(name))
    numbers = [2] if name == "Largest" else [0, 1]
    rules = [f"dimension {d} of spaces/{name}-v0 is unbounded and needs a finite bound" for d in numbers]
    assert [(p.key, p.rule) for p in problems] == [("env.low", rule) for rule in rules]


def test_unbounded_dimensions_take_bounds() -> None:
    """Given bounds on both sides, an unbounded environment can be had."""
    given = env("Unbounded", low=(-1.0, -2.0), high=(1.0, 2.0))
    filled, problems = bounded(given, described("Unbounded"))
    assert (filled.low, filled.high, problems) == ((-1.0, -2.0), (1.0, 2.0), [])


@pytest.mark.parametrize("low", [(0.6, 0.0), (0.7, 0.0)])
def test_a_lower_bound_must_be_lower(low: tuple[float, ...]) -> None:
    """An empty or reversed range is a problem that names the dimension and the other bound."""
    _, problems = bounded(env("Box", low=low), described("Box"))
    assert [(p.key, p.rule, p.given) for p in problems] == [
        ("env.low", "must be below env.high in dimension 0 of spaces/Box-v0 (0.6)", low[0])
    ]


@pytest.mark.parametrize("bounds", [(0.0,), (0.0, 0.1, 0.2)])
def test_bounds_are_one_a_dimension(bounds: tuple[float, ...]) -> None:
    """Too few or too many bounds are a problem, on either side."""
    _, problems = bounded(env("Box", low=bounds, high=bounds), described("Box"))
    rule = "must have one number for each of the 2 dimensions of spaces/Box-v0"
    assert [(p.key, p.rule) for p in problems] == [("env.low", rule), ("env.high", rule)]


@pytest.mark.parametrize(
    ("name", "given", "limit"),
    [
        ("Limited", None, 70),
        ("Limited", 30, 30),
        ("Limited", 700, 700),
        ("Box", None, STEP_LIMIT),
        ("Box", 5, 5),
    ],
)
def test_step_limits(name: str, given: int | None, limit: int) -> None:
    """The limit is the one given, else the environment's own, else the default."""
    filled, _ = bounded(env(name, max_steps=given), described(name))
    assert filled.max_steps == limit


@pytest.mark.parametrize("given", [3, 250])
def test_a_step_limit_holds(given: int) -> None:
    """An episode ends at the limit given, be it below or above the environment's own."""
    made = make(Env(), max_steps=given)
    made.reset(seed=0)
    ends = [made.step(1)[2:4] for _ in range(given)]
    assert ends == [(False, False)] * (given - 1) + [(False, True)]


@pytest.mark.parametrize(
    ("name", "buckets", "counts"),
    [
        ("Box", 7, (7, 7)),
        ("Box", (3, 9), (3, 9)),
        ("Discrete", 7, (5,)),
        ("Discrete", (5,), (5,)),
        ("Multi", 7, (2, 3)),
        ("Tuple", (3, 2), (3, 2)),
    ],
)
def test_a_grid_has_the_buckets_given(
    name: str, buckets: int | tuple[int, ...], counts: tuple[int, ...]
) -> None:
    """One number serves every continuous dimension; a discrete one has as many buckets as values."""
    filled, _ = bounded(env(name), described(name))
    made, problems = grid(filled, buckets, described(name))
    assert made is not None
    assert (made.buckets, problems) == (counts, [])


def test_a_grid_lies_within_the_bounds() -> None:
    """A grid's bounds are the resolved ones; a discrete value has a bucket of width 1 to itself."""
    filled, _ = bounded(env("Box", low=(-1.0, 0.5)), described("Box"))
    continuous, _ = grid(filled, 4, described("Box"))
    discrete, _ = grid(env("FromThree"), 4, described("FromThree"))
    assert continuous is not None
    assert discrete is not None
    assert (continuous.low, continuous.high) == ((-1.0, 0.5), (0.6, 1.0))
    assert (discrete.low, discrete.high, discrete.scale) == ((3.0,), (7.0,), (1.0,))


@pytest.mark.parametrize(
    ("name", "buckets", "rule"),
    [
        ("Box", (3,), "must be one number or a list of 2, one per dimension of spaces/Box-v0"),
        ("Tuple", (3, 2, 1), "must be one number or a list of 2, one per dimension of spaces/Tuple-v0"),
        ("Discrete", (6,), "must be 5 in dimension 0 of spaces/Discrete-v0, which is discrete"),
        ("Multi", (2, 4), "must be 3 in dimension 1 of spaces/Multi-v0, which is discrete"),
        ("Box", (100_000, 1_000), f"must give a Q-table of at most {TABLE_LIMIT:,} values"),
    ],
)
def test_buckets_that_do_not_suit_are_a_problem(name: str, buckets: tuple[int, ...], rule: str) -> None:
    """A list of the wrong length, a wrong count or too large a table is a problem of `buckets`."""
    filled, _ = bounded(env(name), described(name))
    _, [problem] = grid(filled, buckets, described(name))
    assert problem.key == "buckets"
    assert problem.rule.startswith(rule)


def test_the_largest_table_is_allowed() -> None:
    """A table of exactly the limit is not too large."""
    filled, _ = bounded(env("Doubles"), described("Doubles"))
    made, problems = grid(filled, (TABLE_LIMIT // 2,), described("Doubles"))
    assert made is not None
    assert (made.cells * 2, problems) == (TABLE_LIMIT, [])


def test_both_sides_of_an_unbounded_dimension_are_named() -> None:
    """Somebody who must give two bounds is told of both."""
    with pytest.raises(UsageError) as caught:
        load_config(["env.id=CartPole-v1"])
    said = str(caught.value)
    assert "env.low" in said
    assert "env.high" in said


def test_an_id_without_its_version_is_resolved() -> None:
    """`MountainCar` is the latest version that there is: one environment under one id, on its twin."""
    config = resolve({"env": {"id": "MountainCar"}})
    assert (config.env.id, config.engine) == ("MountainCar-v0", "compiled")
