from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from gymnasium.wrappers import RecordEpisodeStatistics, TimeAwareObservation

from qsweep.config import Env
from qsweep.environments.description import describe, is_bare, make
from qsweep.environments.observations import Dimension
from qsweep.errors import Problem, UsageError
from qsweep.plan.resolution import resolve
from tests.support.fixed_spaces import ACTIONS, OBSERVATIONS, Fixed, described, env, registered


@pytest.fixture(scope="module", autouse=True)
def spaces() -> Iterator[None]:
    """Register the environments of this file."""
    with registered():
        yield


def refused(name: str) -> Problem:
    """Return the only problem of an environment with that space."""
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
        ("Binary", (Dimension(0, 2, 2),) * 3),
        ("Dict", (Dimension(0, 2, 2),)),
        ("Nested", tuple(Dimension(0, n, n) for n in (5, 2, 3, 2, 2))),
    ],
)
def test_dimensions(name: str, dimensions: tuple[Dimension, ...]) -> None:
    """Each number of an observation is a dimension, with its bounds and its number of values if discrete."""
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
        ("Binary", np.array([1, 0, 1], np.int8), [1.0, 0.0, 1.0]),
        ("Nested", {"a": (np.array([1, 2]), {"b": np.array([0, 1])}), "z": 4}, [4.0, 1.0, 2.0, 0.0, 1.0]),
    ],
)
def test_an_observation_becomes_one_number_a_dimension(name: str, seen: Any, numbers: list[float]) -> None:
    """Encoding gives floats, one per dimension, in the order of the dimensions."""
    found = described(name).encode(seen)
    assert found == numbers
    assert {type(number) for number in found} == {float}


@pytest.mark.parametrize(
    "name", ["Box", "Matrix", "Discrete", "FromThree", "Multi", "Grid", "Tuple", "Binary", "Nested"]
)
def test_samples_of_a_space_lie_within_its_dimensions(name: str) -> None:
    """Samples of the space are encoded within the bounds of the description."""
    found, space = described(name), OBSERVATIONS[name]
    space.seed(0)
    for _ in range(50):
        numbers = found.encode(space.sample())
        assert all(d.low <= x <= d.high for x, d in zip(numbers, found.dimensions, strict=True))


@pytest.mark.parametrize("env_id", ["MountainCar-v0", "CartPole-v1", "Acrobot-v1"])
def test_bounds_have_the_fewest_digits(env_id: str) -> None:
    """The bound -1.2 of a float32 space is -1.2, not -1.2000000476837158."""
    bounds = [bound for d in describe(Env(id=env_id)).dimensions for bound in (d.low, d.high)]
    assert [bound for bound in bounds if np.float32(bound) != bound and len(repr(bound)) > 11] == []


def test_mountain_cars_bounds() -> None:
    """MountainCar has the bounds of its documentation."""
    found = describe(Env())
    assert found.dimensions == (Dimension(-1.2, 0.6), Dimension(-0.07, 0.07))
    assert (found.actions, found.first_action, found.step_limit) == (3, 0, 200)


@pytest.mark.parametrize("name", ["TupleOfBox", "Text", "Sequence"])
def test_observations_that_are_not_tabular_are_refused(name: str) -> None:
    """Other observation spaces are refused in a message with the environment and its space."""
    problem = refused(name)
    assert problem.key == "env.id"
    assert problem.rule.startswith("must have Box, Discrete, MultiDiscrete or MultiBinary observations")
    assert problem.given == f"spaces/{name}-v0"
    assert type(OBSERVATIONS[name]).__name__ in problem.remedy
    assert ("FlattenObservation" in problem.remedy) == (name == "TupleOfBox")


@pytest.mark.parametrize("name", ["ActMulti", "ActBinary"])
def test_actions_that_are_neither_discrete_nor_a_box_are_refused(name: str) -> None:
    """Other action spaces are refused in a message with the environment and its space."""
    problem = refused(name)
    assert (problem.key, problem.rule) == ("env.id", "must have Discrete or Box actions")
    assert type(ACTIONS[name]).__name__ in problem.remedy


def test_continuous_actions_need_to_be_discretised() -> None:
    """A Box of actions is refused in a message with the space and the key that discretises it."""
    problem = refused("ActBox")
    assert problem.key == "env.actions"
    assert problem.rule == "is required: spaces/ActBox-v0 has Box(-1.0, 1.0, (1,), float32)"
    assert "env.actions=5" in problem.remedy
    assert describe(env("ActBox", actions=5)).actions == 5


class Window(gymnasium.Env[Any, Any]):
    """An environment that tells how it is rendered by its number of observations."""

    action_space = Discrete(2)

    def __init__(self, render_mode: str | None = None) -> None:
        self.observation_space = Discrete(1 if render_mode is None else 2)


def test_an_environment_that_is_registered_with_a_window_opens_none() -> None:
    """Training renders nothing."""
    gymnasium.register("spaces/Window-v0", entry_point=Window, kwargs={"render_mode": "human"})
    try:
        assert describe(Env(id="spaces/Window-v0")).dimensions == (Dimension(0, 1, 1),)
    finally:
        del gymnasium.registry["spaces/Window-v0"]


class SomeActions(gymnasium.Env[Any, Any]):
    """An environment of three states with four actions, of which `some` are available."""

    observation_space = Discrete(3)
    action_space = Discrete(4)

    def __init__(self, some: Any) -> None:
        self.actions_in = some


@pytest.mark.parametrize(
    ("some", "available"),
    [
        ((1, 4, 2), (1, 4, 2)),
        (np.array([1, 4, 2]), (1, 4, 2)),
        ((0, 9, 2), (1, 4, 2)),  # never none, never more than there are
        ((4, 4), None),  # for another number of states
    ],
)
def test_a_state_may_have_fewer_actions(some: Any, available: tuple[int, ...] | None) -> None:
    """`actions_in` is the number of available actions in each state."""
    gymnasium.register("Some-v0", entry_point=SomeActions)
    try:
        assert describe(Env("Some-v0", kwargs={"some": np.asarray(some).tolist()})).available == available
    finally:
        del gymnasium.registry["Some-v0"]


def test_all_actions_are_available_by_default() -> None:
    """Environments without `actions_in` have all actions in all states; MaximizationBias has it."""
    assert describe(Env("FrozenLake-v1")).available is None
    assert describe(Env("qsweep/MaximizationBias-v0")).available == (10, 10, 2, 10)


def test_wrappers_around_an_environment() -> None:
    """Gymnasium's default wrappers leave an environment bare; any other wrapper does not."""
    assert is_bare(make(Env("FrozenLake-v1"), 50))
    assert is_bare(gymnasium.make("FrozenLake-v1", disable_env_checker=False))
    assert is_bare(make(Env("FrozenLake-v1")).unwrapped)
    assert not is_bare(RecordEpisodeStatistics(make(Env("FrozenLake-v1"))))
    assert not is_bare(TimeAwareObservation(make(Env())))


def test_actions_may_start_anywhere() -> None:
    """The number of the first action is in the description, so that action 0 can be converted."""
    found = described("ActFromFive")
    assert (found.actions, found.first_action) == (3, 5)


def test_an_unknown_environment_is_refused() -> None:
    """An unknown id is refused with Gymnasium's own message."""
    with pytest.raises(UsageError, match="doesn't exist"):
        describe(Env(id="spaces/Nowhere-v0"))


@pytest.mark.parametrize("kwargs", [{"wind": 1}, {"goal_velocity": 0, "wind": [1, 2]}])
def test_arguments_that_do_not_suit_are_refused(kwargs: dict[str, Any]) -> None:
    """Invalid arguments are a problem of env.kwargs, not of env.id."""
    with pytest.raises(UsageError) as caught:
        describe(Env(kwargs=kwargs))
    assert [(p.key, p.given) for p in caught.value.problems] == [("env.kwargs", kwargs)]


def test_arguments_reach_the_environment() -> None:
    """Different arguments give different descriptions."""
    small, large = ({"map_name": name} for name in ("4x4", "8x8"))
    found = [describe(Env(id="FrozenLake-v1", kwargs=kwargs)) for kwargs in (small, large)]
    assert [d.dimensions[0].values for d in found] == [16, 64]


@pytest.mark.parametrize("given", [3, 250])
def test_a_step_limit_holds(given: int) -> None:
    """An episode ends at the given limit, below or above the environment's own."""
    made = make(Env(), max_steps=given)
    made.reset(seed=0)
    ends = [made.step(1)[2:4] for _ in range(given)]
    assert ends == [(False, False)] * (given - 1) + [(False, True)]


def test_an_id_without_its_version_is_resolved() -> None:
    """`MountainCar` is resolved to the latest version, with its id and its twin."""
    config = resolve({"env": {"id": "MountainCar"}}).config
    assert (config.env.id, config.engine) == ("MountainCar-v0", "compiled")


def test_more_dimensions_than_a_table_can_have_are_refused() -> None:
    """The limit is named, and the way out."""
    observations = Box(0, 1, (4, 4, 16))
    given = {"observations": observations, "actions": Discrete(2)}
    gymnasium.register("Wide-v0", entry_point=Fixed, kwargs=given)
    try:
        with pytest.raises(UsageError, match=r"at most 32 dimensions; Wide-v0 has 256.*env\.wrapper"):
            describe(Env("Wide-v0"))
    finally:
        del gymnasium.registry["Wide-v0"]


@pytest.mark.parametrize("states", [150_000, 2**23])
def test_discrete_spaces_of_many_states(states: int) -> None:
    """They may have as many as fit into a table."""
    name = f"Many{states}-v0"
    gymnasium.register(
        name, entry_point=Fixed, kwargs={"observations": Discrete(states), "actions": Discrete(4)}
    )
    try:
        assert resolve({"env": {"id": name}}).config.buckets == (states,)
    finally:
        del gymnasium.registry[name]


@pytest.mark.parametrize(
    ("observations", "given", "words"),
    [
        (Discrete(2**24), {}, r"buckets: must give .*too large for a table; an env\.wrapper"),
        (Box(0, 1, (25,)), {"buckets": 2}, r"buckets: must give .*too large for a table; an env\.wrapper"),
        (Box(0, 1, (4,)), {"buckets": 100}, r"buckets: must give .*use fewer buckets"),
        (
            Box(np.array([0.0, 3.0]), np.array([6.0, 3.0])),
            {},
            r"env\.low: must be below .*set env\.low and env\.high",
        ),
    ],
)
def test_spaces_without_a_table_have_a_remedy(observations: Any, given: dict[str, Any], words: str) -> None:
    """It is one that helps."""
    made, name = (
        {"observations": observations, "actions": Discrete(4)},
        f"Odd{abs(hash(words + str(given)))}-v0",
    )
    gymnasium.register(name, entry_point=Fixed, kwargs=made)
    try:
        with pytest.raises(UsageError, match=words):
            resolve({"env": {"id": name}, **given})
    finally:
        del gymnasium.registry[name]
