from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.toy_text.utils import categorical_sample
from gymnasium.utils.env_checker import check_env

from qsweep.environments.textbook import ENVIRONMENTS
from qsweep.policies.optimum.tables import best_within, read, return_within

RIGHT, DOWN = 1, 2


def made(name: str, **kwargs: Any) -> Any:
    """Return the environment itself, without wrappers."""
    return gymnasium.make(f"qsweep/{name}-v0", **kwargs).unwrapped


def followed(env: Any, actions: str) -> list[tuple[int, float, bool]]:
    """Return state, reward and terminated after each move of a word such as "UURD"."""
    env.reset(seed=0)
    return [env.step("URDL".index(move))[:3] for move in actions]


def optimum(env: Any, steps: int = 10_000) -> float | None:
    """Return the optimal expected return from the start, computed from the environment's tables."""
    tables = read(env.P, env.initial_state_distrib, range(int(env.action_space.n)))
    assert tables is not None
    return return_within(tables, steps)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("env_id", sorted(ENVIRONMENTS))
def test_gymnasium_accepts_it(env_id: str) -> None:
    """Gymnasium's own check passes, rendering included."""
    check_env(gymnasium.make(env_id).unwrapped)


@pytest.mark.parametrize("env_id", sorted(ENVIRONMENTS))
def test_it_samples_as_toy_text_does(env_id: str) -> None:
    """A reset and a step each draw one number and select the outcome that Gymnasium's sampling does."""
    env: Any = gymnasium.make(env_id).unwrapped
    seen, _ = env.reset(seed=3)
    twin = np.random.Generator(np.random.PCG64(np.random.SeedSequence(3)))
    assert seen == categorical_sample(env.initial_state_distrib, twin)
    choices = np.random.default_rng(1)
    for _ in range(300):
        action = int(choices.integers(env.action_space.n))
        outcomes = env.P[seen][action]
        drawn = outcomes[categorical_sample([outcome[0] for outcome in outcomes], twin)]
        seen, reward, terminated, truncated, info = env.step(action)
        assert (info["prob"], seen, reward, terminated) == drawn
        assert not truncated
        if terminated:
            seen, _ = env.reset()
            categorical_sample(env.initial_state_distrib, twin)


@pytest.mark.parametrize("env_id", sorted(ENVIRONMENTS))
def test_every_action_has_a_distribution_in_every_state(env_id: str) -> None:
    """Probabilities sum to 1, and a terminal state is never left and gives no reward."""
    env: Any = gymnasium.make(env_id).unwrapped
    assert len(env.P) == env.observation_space.n
    for actions in env.P.values():
        assert sorted(actions) == list(range(env.action_space.n))
        for outcomes in actions.values():
            assert sum(chance for chance, *_ in outcomes) == pytest.approx(1)
            for _, after, _, ended in outcomes:
                if ended:
                    assert {o[1:] for stay in env.P[after].values() for o in stay} == {(after, 0.0, True)}


def test_the_shortest_path_through_the_maze() -> None:
    """The shortest path to the goal has 14 steps and passes below both walls."""
    env = made("DynaMaze")
    steps = followed(env, "DDRRRRURRRRUUU")
    assert [reward for _, reward, _ in steps] == [0.0] * 13 + [1.0]
    assert [ended for *_, ended in steps] == [False] * 13 + [True]
    assert steps[-1][0] == 8
    assert [optimum(env, steps) for steps in (13, 14)] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("actions", "state"), [("L", 18), ("RR", 19), ("UURRRRRRR", 6), ("DDDRRRRR", 50), ("DDRRRRR", 40)]
)
def test_walls_and_borders_of_the_maze_hold(actions: str, state: int) -> None:
    """A move into a wall or off the grid has no effect and gives no reward."""
    assert followed(made("DynaMaze"), actions)[-1] == (state, 0.0, False)


def test_the_shortest_path_through_the_wind() -> None:
    """The book's path, nine right, four down, two left, returns -15, which is optimal."""
    env = made("WindyGridworld")
    steps = followed(env, "RRRRRRRRRDDDDLL")
    assert sum(reward for _, reward, _ in steps) == -15
    assert [ended for *_, ended in steps] == [False] * 14 + [True]
    assert steps[8][0] == 9  # the upper right corner
    assert optimum(env) == pytest.approx(-15)


def test_the_wind_of_the_old_column_shifts_the_move() -> None:
    """A move from columns with wind 0, 1 and 2 is shifted by 0, 1 and 2 rows, never off the grid."""
    env = made("WindyGridworld")
    assert [env.P[60 + column][RIGHT][0][1] for column in (0, 3, 6)] == [61, 54, 47]
    assert [env.P[60 + column][DOWN][0][1] for column in (0, 3, 6)] == [60, 63, 56]
    assert env.P[6][RIGHT][0][1] == 7


def test_the_random_walk_has_one_action_and_two_ends() -> None:
    """The walk goes to either side with probability 1/2; reward -1 at the left end, 1 at the right one."""
    env = made("RandomWalk")
    assert env.action_space.n == 1
    assert env.reset(seed=0)[0] == 10
    assert env.P[10] == {0: [(0.5, 9, 0.0, False), (0.5, 11, 0.0, False)]}
    assert env.P[1] == {0: [(0.5, 0, -1.0, True), (0.5, 2, 0.0, False)]}
    assert env.P[19] == {0: [(0.5, 18, 0.0, False), (0.5, 20, 1.0, True)]}


@pytest.mark.parametrize(("kwargs", "middle"), [({}, 0.0), ({"states": 5, "left": 0.0}, 0.5)])
def test_the_random_walks_values(kwargs: dict[str, Any], middle: float) -> None:
    """The true values equal those of its tables and are evenly spaced between the ends."""
    env = made("RandomWalk", **kwargs)
    tables = read(env.P, env.initial_state_distrib, [0])
    assert tables is not None
    values = best_within(tables, 10_000)
    assert values is not None
    assert optimum(env) == pytest.approx(middle, abs=1e-12)
    np.testing.assert_allclose(np.sort(values), env.true_values[1:-1], atol=1e-12)
    assert np.ptp(np.diff(env.true_values[1:-1])) < 1e-12
    assert (env.true_values[0], env.true_values[-1]) == (0, 0)


@pytest.mark.parametrize("states", [-1, 0, 4])
def test_a_walk_without_a_middle_is_refused(states: int) -> None:
    """An even number of states is refused in a message that names it."""
    with pytest.raises(ValueError, match=f"odd.*given {states}"):
        made("RandomWalk", states=states)


def test_left_and_right_of_the_maximization_bias() -> None:
    """Right ends the episode, left leads to B, both without reward; A has two actions, B ten."""
    env = made("MaximizationBias")
    assert env.P[2][0] == [(1.0, 1, 0.0, False)]
    assert env.P[2][1] == [(1.0, 3, 0.0, True)]
    assert env.actions_in == (10, 10, 2, 10)
    assert optimum(env) == 0


def test_the_rewards_of_b() -> None:
    """The rewards have the book's mean and variance and the shape of a normal distribution."""
    env = made("MaximizationBias")
    for outcomes in env.P[1].values():
        rewards = np.array([reward for _, _, reward, _ in outcomes])
        assert {outcome[3] for outcome in outcomes} == {True}
        assert rewards.mean() == pytest.approx(-0.1)
        assert rewards.var() == pytest.approx(1)
        assert np.mean(np.abs(rewards + 0.1) < 1) == pytest.approx(0.683, abs=0.01)
        assert np.mean(np.abs(rewards + 0.1) < 2) == pytest.approx(0.954, abs=0.01)


def test_pictures_show_the_agent() -> None:
    """Two frames differ only in the cells that the agent left and entered."""
    env = made("DynaMaze", render_mode="rgb_array")
    env.reset(seed=0)
    before = env.render()
    env.step(DOWN)
    changed = np.argwhere((env.render() != before).any(axis=2)) // 48
    assert before.shape == (6 * 48, 9 * 48, 3)
    assert {tuple(cell) for cell in changed.tolist()} == {(2, 0), (3, 0)}
    env = made("DynaMaze")
    assert env.render() is None
