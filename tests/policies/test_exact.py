"""Exact expected returns of greedy policies, against other ways to the same numbers."""

from __future__ import annotations

import math
from contextlib import closing
from typing import Any

import gymnasium
import numpy as np
import pytest

from qsweep import seeds
from qsweep.config import Env
from qsweep.environments.resolved import Resolved
from qsweep.plan.resolution import resolve
from qsweep.policies.evaluation.exact import ExactEvaluation, exact_evaluation, greedy_actions
from qsweep.policies.evaluation.greedy_loop import greedy_action
from qsweep.policies.evaluation.rollouts import roll_out
from qsweep.policies.optimum import optimum, tables
from qsweep.policies.optimum.environment_tables import observed_tables
from qsweep.policies.optimum.random_policy import GROUPS, LENGTHS, random_return
from qsweep.policies.optimum.tables import best_within, expected_return
from qsweep.system.arrays import Floats

TABLES: tuple[tuple[str, int, dict[str, Any]], ...] = (
    ("FrozenLake-v1", 100, {}),
    ("FrozenLake-v1", 200, {"map_name": "8x8"}),
    ("CliffWalking-v1", 1000, {}),
    ("CliffWalking-v1", 300, {"is_slippery": True}),
    ("Taxi-v4", 200, {}),
    ("Taxi-v4", 60, {"is_rainy": True}),
    ("qsweep/WindyGridworld-v0", 60, {}),
    ("qsweep/DynaMaze-v0", 60, {}),
    ("qsweep/MaximizationBias-v0", 10, {}),
)


def setting(env_id: str, max_steps: int, **kwargs: Any) -> Resolved:
    bounds = (-3.0, 3.0) if env_id == "CartPole-v1" else (None, None)
    low, high = ([bound] * 4 if bound else None for bound in bounds)
    env = {"id": env_id, "low": low, "high": high, "max_steps": max_steps, "kwargs": kwargs}
    return resolve({"env": env, "engine": "gymnasium"})


def evaluation(of: Resolved) -> ExactEvaluation:
    found = exact_evaluation(of)
    assert found is not None
    return found


def mixed_table(of: Resolved, seed: int, noise: float = 0.3) -> Floats:
    """A Q-table that is near the optimum and partly wrong, with ties."""
    made = observed_tables(of.env)
    assert made is not None
    values = best_within(made, min(of.max_steps, 60))
    assert values is not None
    q = np.zeros(of.shape).reshape(of.grid.cells, -1)
    places = made.observations @ np.eye(made.observations.shape[1])[:, 0] if len(of.shape) == 2 else None
    if places is None:
        return np.random.default_rng(seed).normal(size=of.shape).round(1)
    q[places.astype(int)] = made.action_values(values).T
    wrong = np.random.default_rng(seed).random(len(q)) < noise
    q[wrong] = np.random.default_rng(seed).normal(size=(int(wrong.sum()), q.shape[1])).round(0)
    return q.reshape(of.shape)


def forward(env: Any, q: Floats, steps: int) -> float:
    """Return the expected return by following the distribution over states, step by step, in plain Python."""
    here = {s: float(chance) for s, chance in enumerate(env.initial_state_distrib) if chance > 0}
    total = 0.0
    for _ in range(steps):
        following: dict[int, float] = {}
        for s, weight in here.items():
            for chance, after, reward, over in env.P[s][int(q[s].argmax())]:
                total += weight * chance * reward
                if not over:
                    following[after] = following.get(after, 0.0) + weight * chance
        here = following
    return total


@pytest.mark.parametrize(("env_id", "steps", "kwargs"), TABLES)
def test_exact_returns_against_the_distribution_over_states(
    env_id: str, steps: int, kwargs: dict[str, Any]
) -> None:
    """An independent recursion, forward in time, over Gymnasium's own `P` gives the same number."""
    of = setting(env_id, steps, **kwargs)
    env: Any = gymnasium.make(env_id, **kwargs).unwrapped
    for seed in range(2):
        q = mixed_table(of, seed)
        assert evaluation(of).of(q) == pytest.approx(forward(env, q, steps), rel=1e-9, abs=1e-8)


@pytest.mark.parametrize(
    ("env_id", "steps", "kwargs"),
    [
        ("FrozenLake-v1", 100, {}),
        ("Taxi-v4", 30, {"is_rainy": True, "fickle_passenger": True}),
        ("Taxi-v4", 30, {"fickle_passenger": True, "fickle_probability": 1.0}),
        ("Blackjack-v1", 100, {}),
        ("Blackjack-v1", 100, {"natural": True, "sab": False}),
        ("Blackjack-v1", 100, {"sab": True}),
    ],
)
def test_exact_returns_against_rollouts(env_id: str, steps: int, kwargs: dict[str, Any]) -> None:
    """The mean of rollouts in Gymnasium's environment lies within five standard errors."""
    of = setting(env_id, steps, **kwargs)
    q = mixed_table(of, 1, 0.1)
    returns = roll_out(of, q, seeds.play(1000)).returns
    error = max(returns.std() / math.sqrt(len(returns)), 1e-9)
    assert abs(returns.mean() - evaluation(of).of(q)) < 5 * error


@pytest.mark.parametrize("env_id", ["FrozenLake-v1", "Taxi-v4"])
def test_a_greedy_policy_of_optimal_values_earns_the_optimum_in_the_long_run(env_id: str) -> None:
    """With more steps than matter the best policy is stationary, and its value is the optimum."""
    of = setting(env_id, 10**5)
    made = observed_tables(of.env)
    assert made is not None
    values = best_within(made, 10**5)
    assert values is not None
    q = np.zeros(of.shape)
    q[made.observations[:, 0].astype(int)] = made.action_values(values).T.round(9)
    best = optimum(of.env)
    assert evaluation(of).of(q) == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("steps", [1, 2, 37, 1000])
def test_squaring_and_sweeping_agree(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to a value of many steps give it, also where a policy never ends an episode."""
    for env_id in ("CliffWalking-v1", "FrozenLake-v1"):
        of = setting(env_id, steps)
        for seed in range(5):
            q = np.random.default_rng(seed).normal(size=of.shape)
            found = []
            for dense in (1e-12, 1e12):
                monkeypatch.setattr(tables, "DENSE", dense)
                found.append(evaluation(of).of(q))
            assert found[0] == pytest.approx(found[1], rel=1e-9, abs=1e-9)


def test_ties_go_to_the_action_that_is_played() -> None:
    """The first of several best actions, also where tilings are summed in another order than they look."""
    rng = np.random.default_rng(0)
    q = rng.integers(0, 3, size=(40, 4)) * 0.1
    cells = rng.integers(0, 40, size=(200, 8))
    best = q.argmax(axis=1)
    assert greedy_actions(q, cells).tolist() == [greedy_action(q, best, some) for some in cells]
    assert greedy_actions(np.zeros((1, 3)), np.zeros((1, 1), np.int64)).tolist() == [0]


@pytest.mark.parametrize("env_id", ["MountainCar-v0", "CartPole-v1"])
def test_without_tables_nothing_is_exact(env_id: str) -> None:
    """Environments without transition tables have no exact evaluation."""
    assert exact_evaluation(setting(env_id, 100)) is None


class Shaped(gymnasium.Env[Any, Any]):
    """FrozenLake's `P`, but every step costs 0.01, which `P` does not say."""

    def __init__(self) -> None:
        self._lake = gymnasium.make("FrozenLake-v1").unwrapped
        self.P, self.initial_state_distrib = self._lake.P, self._lake.initial_state_distrib  # type: ignore[attr-defined]
        self.observation_space, self.action_space = self._lake.observation_space, self._lake.action_space

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        """Start as the lake does."""
        return self._lake.reset(seed=seed)

    def step(self, action: int) -> Any:
        """Step as the lake does, at a cost."""
        seen, reward, terminated, truncated, info = self._lake.step(action)
        return seen, float(reward) - 0.01, terminated, truncated, info


def test_tables_that_an_environment_does_not_follow_are_not_used() -> None:
    """A `P` is believed only if the environment was seen to follow it."""
    gymnasium.register("Shaped-v0", entry_point=Shaped)
    try:
        assert exact_evaluation(setting("Shaped-v0", 100)) is None
    finally:
        del gymnasium.registry["Shaped-v0"]


def test_too_much_work_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large tables with a long limit are sampled, for every policy alike."""
    monkeypatch.setattr("qsweep.policies.evaluation.exact.AFFORDABLE", 10.0)
    assert exact_evaluation(setting("FrozenLake-v1", 100)) is None


@pytest.mark.parametrize(
    ("env_id", "steps", "expected"),
    [
        ("MountainCar-v0", 200, -200.0),
        ("MountainCar-v0", 10**6, -41_900.0),
        ("CartPole-v1", 500, 22.24),
        ("CartPole-v0", 200, 22.24),
        ("CartPole-v1", 5, 5.0),
        ("FrozenLake-v1", 100, 0.01394),
        ("qsweep/MaximizationBias-v0", 10, -0.05),
        ("qsweep/RandomWalk-v0", 10**5, 0.0),
    ],
)
def test_random_actions(env_id: str, steps: int, expected: float) -> None:
    """Known returns of random actions, measured or computed; of two actions in A one leads to B's -0.1."""
    found = random_return(Env(env_id, max_steps=steps))
    assert found == pytest.approx(expected, rel=2e-3, abs=1e-4)


def test_random_actions_in_gymnasium() -> None:
    """The mean of random episodes in Gymnasium's CartPole agrees with the shipped lengths."""
    with closing(gymnasium.make("CartPole-v1")) as env:
        rng, lengths = np.random.default_rng(0), []
        env.reset(seed=0)
        for _ in range(500):
            env.reset()
            length, over = 0, False
            while not over:
                _, _, over, _, _ = env.step(int(rng.integers(2)))
                length += 1
            lengths.append(length)
    assert all(len(groups) == GROUPS for groups in LENGTHS.values())
    error = np.std(lengths) / math.sqrt(len(lengths))
    assert abs(np.mean(lengths) - np.mean(LENGTHS["CartPole-v1"])) < 5 * error


def test_random_actions_against_an_average_of_policies() -> None:
    """The uniform policy's return lies between those of the best and the worst policy."""
    of = setting("FrozenLake-v1", 100)
    made, found = observed_tables(of.env), random_return(of.env)
    assert made is not None
    assert found is not None
    uniform = np.full(made.reward.shape, 1 / len(made.reward))
    assert found == expected_return(made, uniform, 100)
