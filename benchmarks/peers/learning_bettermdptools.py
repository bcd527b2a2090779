"""Optima, Q-learning and Sarsa of bettermdptools, for benchmarks/outside_checks.py, which starts it.

    python learning_bettermdptools.py TASKS RESULTS

Both are JSON files: a list of tasks (tables, settings, seeds), and a result for each.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from bettermdptools.algorithms.planner import Planner  # type: ignore[import-not-found]
from bettermdptools.algorithms.rl import RL  # type: ignore[import-not-found]


class TableWorld(gymnasium.Env[int, int]):
    """The environment of tables P[state][action] = [(probability, next state, reward, terminated), ...]."""

    def __init__(self, p: Any, start: list[float], limit: int) -> None:
        self.outcomes, self.start, self.limit = p, np.cumsum(start), limit
        self.chances = {s: {a: np.cumsum([row[0] for row in p[s][a]]) for a in p[s]} for s in p}
        self.observation_space = gymnasium.spaces.Discrete(len(p))
        self.action_space = gymnasium.spaces.Discrete(len(p[0]))

    def _drawn(self, chances: Any) -> int:
        return min(int(np.searchsorted(chances, self.np_random.random(), side="right")), len(chances) - 1)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[int, dict[str, Any]]:
        """Draw a start state."""
        super().reset(seed=seed)
        self.state, self.steps = self._drawn(self.start), 0
        return self.state, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Draw an outcome; the limit truncates."""
        drawn = self._drawn(self.chances[self.state][int(action)])
        _, self.state, reward, terminated = self.outcomes[self.state][int(action)][drawn]
        self.steps += 1
        return self.state, reward, terminated, self.steps >= self.limit and not terminated, {}


def planned(p: Any, limit: int, ends: bool) -> dict[str, Any]:
    """Return the values of the states: `limit` sweeps of value iteration, and by policy iteration."""
    planner = Planner(p)
    within = planner.value_iteration(gamma=1.0, n_iters=limit + 1, theta=0.0, dtype=np.float64)[0]
    if not ends:  # returns without a limit are infinite
        return {"within": within.tolist()}
    np.random.seed(0)  # policy iteration starts from random actions
    forever = planner.policy_iteration(gamma=1.0, n_iters=1000, dtype=np.float64)[0]
    return {"within": within.tolist(), "forever": forever.tolist()}


def learned(world: TableWorld, task: dict[str, Any], seed: int) -> tuple[list[int], float]:
    """Return the greedy policy of a run, and the mean return of its training episodes."""
    np.random.seed(seed)  # from which bettermdptools draws actions
    learn = getattr(RL(world), task["algorithm"])
    alpha, epsilon = task["learning_rate"], task["epsilon"]
    _, _, policy, _, _, rewards = learn(
        gamma=task["discount"], n_episodes=task["episodes"], seed=seed,
        init_alpha=alpha, min_alpha=alpha, init_epsilon=epsilon, min_epsilon=epsilon,
    )  # fmt: skip
    return [int(policy[state]) for state in range(len(policy))], float(np.mean(rewards, dtype=np.float64))


def result(task: dict[str, Any]) -> Any:
    """Do one task."""
    p = {s: dict(enumerate(actions)) for s, actions in enumerate(task["p"])}
    if "algorithm" not in task:
        return planned(p, task["limit"], task["ends"])
    world = TableWorld(p, task["start"], task["limit"])
    return [learned(world, task, seed) for seed in task["seeds"]]


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # iterations that were limited on purpose
    tasks = json.loads(Path(sys.argv[1]).read_text())
    Path(sys.argv[2]).write_text(json.dumps([result(task) for task in tasks]))
