from __future__ import annotations

import math
import warnings
from functools import lru_cache
from importlib import import_module
from itertools import product
from pkgutil import iter_modules
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.seeding import np_random
from hypothesis import given, settings
from hypothesis import strategies as st

from qsweep.environments import twins as dynamics
from qsweep.environments.twins import MODULES, named_twin
from qsweep.environments.twins.pcg64 import stream
from qsweep.environments.twins.twin import Twin, no_reset
from qsweep.system.arrays import Floats
from tests.support.machine_code import machine_code

JUST_FORWARD = math.nextafter(math.cos(3 * -1.2) * 0.0025, 1.0)
ANGLE = 12 * 2 * math.pi / 360
EDGES: dict[str, list[tuple[float, ...]]] = {
    "MountainCar-v0": [
        (-1.2, -1.1999999, -1.13, -0.9, 0.0, 0.43, 0.4999999, 0.5, 0.5000001, 0.53, 0.6),
        # At the wall without a push, JUST_FORWARD leaves a velocity too small to move the car.
        (-0.07, -0.0699999, JUST_FORWARD, -0.001, -1e-9, 0.0, 1e-9, 0.001, 0.0699999, 0.07),
    ],
    "CartPole-v1": [
        (-4.8, -2.4000001, -2.4, -2.3999999, 0.0, 2.3999999, 2.4, 2.4000001),
        (-50.0, -1.0, 0.0, 1.0, 50.0),
        (-2 * ANGLE, -ANGLE, -ANGLE + 1e-9, 0.0, ANGLE - 1e-9, ANGLE, 2 * ANGLE),
        (-50.0, -1.0, 0.0, 1.0, 50.0),
    ],
    "Acrobot-v1": [
        (-math.pi, -3.14159, -math.pi / 2, 0.0, 1.9, 3.14159, math.pi),
        (-math.pi, -3.14159, -math.pi / 2, 0.0, 1.9, 3.14159, math.pi),
        (-4 * math.pi, -12.0, 0.0, 1e-3, 12.0, 4 * math.pi),
        (-9 * math.pi, -28.0, 0.0, 1e-3, 28.0, 9 * math.pi),
    ],
}
EDGES["CartPole-v0"] = EDGES["CartPole-v1"]
"""Gymnasium id -> critical values of each state variable: walls, goals, wrap-arounds."""
IDS = sorted(EDGES)


@lru_cache
def environment(env_id: str) -> Any:
    with warnings.catch_warnings(action="ignore"):  # CartPole-v0 is out of date
        return gymnasium.make(env_id).unwrapped


def twin_of(env_id: str) -> Twin:
    """Return the environment's twin, which exists."""
    twin = named_twin(env_id)
    assert twin is not None
    return twin


def starts(env_id: str, generator: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """Return states and observations after the twin's next n resets."""
    return twin_of(env_id).starts(generator, n)


def stepped(env_id: str, state: Floats, action: int, plain: bool = False) -> tuple[Floats, float, bool]:
    """Make a step of the twin, which changes `state`; return observation, reward and terminated."""
    twin = twin_of(env_id)
    step, (_, observation) = twin.step if plain else machine_code(twin.step), twin.buffers()
    reward, terminated = step(stream(0), twin.constants, state, action, observation)
    return observation, reward, bool(terminated)


def force(env: Any, state: Floats) -> None:
    """Put an environment into a state."""
    env.state = state.copy()
    env.steps_beyond_terminated = None


def bits(values: Any) -> list[str]:
    """Return numbers exactly, with the signs of zeros, in a form that is readable in a failure."""
    return [float(value).hex() for value in values]


def assert_same_step(env_id: str, state: Floats, action: int) -> bool:
    """Make the same step in the environment and in the twin, interpreted and compiled; `state` changes.

    Returns whether the step terminated the episode.
    """
    env, plainly = environment(env_id), state.copy()
    expected, reward, terminated, truncated, _ = env.step(action)
    assert expected.dtype == np.float32
    assert not truncated
    for moved, plain in ((plainly, True), (state, False)):
        observation, *found = stepped(env_id, moved, action, plain)
        assert bits(moved) == bits(env.state)
        assert bits(observation) == bits(expected)
        assert found == [reward, terminated]
    return bool(terminated)


def states(env_id: str) -> st.SearchStrategy[tuple[float, ...]]:
    """Return a strategy of states between the edges and on them."""
    return st.tuples(*(st.floats(edges[0], edges[-1]) | st.sampled_from(edges) for edges in EDGES[env_id]))


def test_every_twin_is_in_the_table() -> None:
    """Each module of the package that has a TWIN is in the table of Gymnasium ids, and is tested."""
    names = [module.name for module in iter_modules(dynamics.__path__)]
    twins = [name for name in names if hasattr(import_module(f"{dynamics.__name__}.{name}"), "TWIN")]
    assert set(MODULES.values()) == set(twins)
    assert MODULES.keys() == {*IDS, "Blackjack-v1"}  # test_blackjack.py


def test_an_environment_without_a_twin() -> None:
    """An environment without a compiled twin gives None."""
    assert named_twin("MountainCar-v0") is not None
    assert named_twin("MountainCarContinuous-v0") is None


@pytest.mark.parametrize("env_id", IDS)
def test_the_starts_of_a_step_without_draws_are_drawn_beforehand(env_id: str) -> None:
    """The twins of classic control draw only at a reset, so their own reset does nothing."""
    assert twin_of(env_id).start is not None
    assert twin_of(env_id).reset is no_reset


@pytest.mark.slow
@pytest.mark.parametrize("env_id", IDS)
@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**31), resets=st.integers(1, 50))
def test_resets_are_gymnasiums(env_id: str, seed: int, resets: int) -> None:
    """From one seed, the states and observations after every reset equal the environment's own."""
    env = environment(env_id)
    found, observations = starts(env_id, np_random(seed)[0], resets)
    for reset in range(resets):
        expected, _ = env.reset(seed=seed if reset == 0 else None)
        assert bits(found[reset]) == bits(env.state)
        assert bits(observations[reset]) == bits(expected)


@pytest.mark.parametrize("env_id", IDS)
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**31), blocks=st.lists(st.integers(0, 20), min_size=1, max_size=4))
def test_resets_may_be_drawn_in_any_blocks(env_id: str, seed: int, blocks: list[int]) -> None:
    """Starts drawn a few at a time equal starts drawn at once, bit for bit."""
    generator = np_random(seed)[0]
    pieces = [starts(env_id, generator, n) for n in blocks]
    at_once = starts(env_id, np_random(seed)[0], sum(blocks))
    for part in range(2):
        assert np.concatenate([piece[part] for piece in pieces]).tobytes() == at_once[part].tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("env_id", IDS)
@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**31), data=st.data())
def test_random_walks_are_gymnasiums(env_id: str, seed: int, data: st.DataObject) -> None:
    """After a reset, both go through the same states step by step, bit for bit."""
    env = environment(env_id)
    env.reset(seed=seed)
    [state], _ = starts(env_id, np_random(seed)[0], 1)
    actions = st.lists(st.integers(0, int(env.action_space.n) - 1), max_size=60)
    for action in data.draw(actions):
        if assert_same_step(env_id, state, action):
            break


@pytest.mark.slow
@pytest.mark.parametrize("env_id", IDS)
def test_long_random_walks_are_gymnasiums(env_id: str) -> None:
    """Thousands of steps over complete episodes agree bit for bit."""
    env, generator, steps = environment(env_id), np.random.default_rng(1), 0
    env.reset(seed=0)
    following = iter(starts(env_id, np_random(0)[0], 10_000)[0])
    state = next(following)
    while steps < 8000:
        steps += 1
        if assert_same_step(env_id, state, int(generator.integers(env.action_space.n))) or steps % 500 == 0:
            env.reset()
            state = next(following)


@pytest.mark.slow
@pytest.mark.parametrize("env_id", IDS)
@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_a_step_from_anywhere_is_gymnasiums(env_id: str, data: st.DataObject) -> None:
    """From any state, on an edge or not, any action has the same effect on both, bit for bit."""
    state = np.array(data.draw(states(env_id)))
    force(environment(env_id), state)
    assert_same_step(env_id, state, data.draw(st.integers(0, int(environment(env_id).action_space.n) - 1)))


@pytest.mark.slow
@pytest.mark.parametrize("env_id", IDS)
def test_steps_from_every_corner_are_gymnasiums(env_id: str) -> None:
    """Steps from every wall, goal and wrap-around, and their combinations, agree bit for bit."""
    env = environment(env_id)
    for corner in product(*EDGES[env_id]):
        for action in range(env.action_space.n):
            state = np.array(corner)
            force(env, state)
            assert_same_step(env_id, state, action)


def after(env_id: str, state: list[float], action: int) -> tuple[list[float], float, bool]:
    """Return state, reward and terminated after one step of the twin."""
    moved = np.array(state)
    _, reward, terminated = stepped(env_id, moved, action)
    return moved.tolist(), reward, terminated


def test_the_wall_stops_the_car() -> None:
    """At the left wall MountainCar's velocity becomes 0 and the episode does not end."""
    assert after("MountainCar-v0", [-1.2, -0.05], 0) == ([-1.2, 0.0], -1.0, False)


def test_the_goal_ends_the_episode() -> None:
    """The step beyond MountainCar's goal has reward -1 and terminates the episode."""
    (position, velocity), reward, terminated = after("MountainCar-v0", [0.49, 0.05], 2)
    assert (position >= 0.5, velocity > 0, reward, terminated) == (True, True, -1.0, True)


def test_an_acrobots_angle_wraps_around() -> None:
    """An angle beyond pi continues from -pi."""
    (_, theta, _, _), _, _ = after("Acrobot-v1", [0.0, 3.1, 0.0, 5.0], 1)
    assert -math.pi <= theta < -2.0
