from __future__ import annotations

import math
from functools import lru_cache
from importlib import import_module
from itertools import product
from pkgutil import iter_modules
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import pytest
from gymnasium.utils.seeding import np_random
from hypothesis import given, settings
from hypothesis import strategies as st

from qsweep import dynamics
from qsweep.dynamics import MODULES, has_twin, twin_of

Floats = npt.NDArray[np.float64]

IDS = sorted(MODULES)
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
"""Gymnasium id -> values of each state variable at which something happens: walls, goals, wrap-arounds."""


@lru_cache
def environment(env_id: str) -> Any:
    return gymnasium.make(env_id).unwrapped


def force(env: Any, state: Floats) -> None:
    """Put an environment, fresh or not, into a state."""
    env.state = state.copy()
    env.steps_beyond_terminated = None


def bits(values: Any) -> list[str]:
    """Numbers as what they are exactly, signs of zeros too, in a form that a failure shows well."""
    return [float(value).hex() for value in values]


def assert_same_step(env_id: str, state: Floats, action: int) -> bool:
    """Step both from where they are; `state`, the twin's, moves on. Returns whether that terminated."""
    env, observation = environment(env_id), np.empty(environment(env_id).observation_space.shape)
    expected, reward, terminated, truncated, _ = env.step(action)
    found = twin_of(env_id).step(state, action, observation)
    assert expected.dtype == np.float32
    assert bits(state) == bits(env.state)
    assert bits(observation) == bits(expected)
    assert found == (reward, terminated)
    assert not truncated
    return bool(terminated)


def states(env_id: str) -> st.SearchStrategy[tuple[float, ...]]:
    """States anywhere between the edges, and on them."""
    return st.tuples(*(st.floats(edges[0], edges[-1]) | st.sampled_from(edges) for edges in EDGES[env_id]))


def test_every_twin_is_in_the_table() -> None:
    """Each module of the package that has a TWIN stands for one Gymnasium environment."""
    names = [module.name for module in iter_modules(dynamics.__path__)]
    twins = [name for name in names if hasattr(import_module(f"{dynamics.__name__}.{name}"), "TWIN")]
    assert sorted(MODULES.values()) == sorted(twins)


def test_what_has_no_twin_is_said_so() -> None:
    """An environment that nobody has compiled is known to have no twin, and asking for it raises."""
    assert has_twin("MountainCar-v0")
    assert not has_twin("MountainCarContinuous-v0")
    with pytest.raises(KeyError):
        twin_of("MountainCarContinuous-v0")


@pytest.mark.parametrize("env_id", IDS)
@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**31), resets=st.integers(1, 50))
def test_resets_are_gymnasiums(env_id: str, seed: int, resets: int) -> None:
    """From one seed, reset after reset, the states and observations are the environment's own."""
    env = environment(env_id)
    found, observations = twin_of(env_id).start(np_random(seed)[0], resets)
    for reset in range(resets):
        expected, _ = env.reset(seed=seed if reset == 0 else None)
        assert bits(found[reset]) == bits(env.state)
        assert bits(observations[reset]) == bits(expected)


@pytest.mark.parametrize("env_id", IDS)
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**31), blocks=st.lists(st.integers(0, 20), min_size=1, max_size=4))
def test_resets_may_be_drawn_in_any_blocks(env_id: str, seed: int, blocks: list[int]) -> None:
    """Starts drawn a few at a time are those drawn at once, to the bit."""
    start, generator = twin_of(env_id).start, np_random(seed)[0]
    pieces = [start(generator, n) for n in blocks]
    whole = start(np_random(seed)[0], sum(blocks))
    for part in range(2):
        assert np.concatenate([piece[part] for piece in pieces]).tobytes() == whole[part].tobytes()


@pytest.mark.parametrize("env_id", IDS)
@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**31), data=st.data())
def test_random_walks_are_gymnasiums(env_id: str, seed: int, data: st.DataObject) -> None:
    """Step after step from a reset, both go through the same states, to the bit."""
    env = environment(env_id)
    env.reset(seed=seed)
    [state], _ = twin_of(env_id).start(np_random(seed)[0], 1)
    actions = st.lists(st.integers(0, int(env.action_space.n) - 1), max_size=60)
    for action in data.draw(actions):
        if assert_same_step(env_id, state, action):
            break


@pytest.mark.parametrize("env_id", IDS)
def test_long_random_walks_are_gymnasiums(env_id: str) -> None:
    """Over thousands of steps of whole episodes not one bit differs."""
    env, generator, steps = environment(env_id), np.random.default_rng(1), 0
    env.reset(seed=0)
    starts = iter(twin_of(env_id).start(np_random(0)[0], 10_000)[0])
    state = next(starts)
    while steps < 8000:
        steps += 1
        if assert_same_step(env_id, state, int(generator.integers(env.action_space.n))) or steps % 500 == 0:
            env.reset()
            state = next(starts)


@pytest.mark.parametrize("env_id", IDS)
@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_a_step_from_anywhere_is_gymnasiums(env_id: str, data: st.DataObject) -> None:
    """From any state, on an edge or not, any action does the same to both, to the bit."""
    state = np.array(data.draw(states(env_id)))
    force(environment(env_id), state)
    assert_same_step(env_id, state, data.draw(st.integers(0, int(environment(env_id).action_space.n) - 1)))


@pytest.mark.parametrize("env_id", IDS)
def test_steps_from_every_corner_are_gymnasiums(env_id: str) -> None:
    """At every wall, goal and wrap-around, and where they meet, not one bit differs."""
    env = environment(env_id)
    for corner in product(*EDGES[env_id]):
        for action in range(env.action_space.n):
            state = np.array(corner)
            force(env, state)
            assert_same_step(env_id, state, action)


def after(env_id: str, state: list[float], action: int) -> tuple[list[float], float, bool]:
    """The state, reward and termination after one step of the twin."""
    moved, observation = np.array(state), np.empty(environment(env_id).observation_space.shape)
    reward, terminated = twin_of(env_id).step(moved, action, observation)
    return moved.tolist(), reward, terminated


def test_the_wall_stops_the_car() -> None:
    """At the left wall MountainCar's velocity becomes 0 and nothing ends."""
    assert after("MountainCar-v0", [-1.2, -0.05], 0) == ([-1.2, 0.0], -1.0, False)


def test_the_goal_ends_the_episode() -> None:
    """Over MountainCar's goal the step still costs 1 and the episode terminates."""
    (position, velocity), reward, terminated = after("MountainCar-v0", [0.49, 0.05], 2)
    assert (position >= 0.5, velocity > 0, reward, terminated) == (True, True, -1.0, True)


def test_an_acrobots_angle_wraps_around() -> None:
    """An angle driven beyond pi comes out above -pi."""
    (_, theta, _, _), _, _ = after("Acrobot-v1", [0.0, 3.1, 0.0, 5.0], 1)
    assert -math.pi <= theta < -2.0
