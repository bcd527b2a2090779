"""Greedy rollouts: what a Q-table is worth without exploration, from given start seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from qsweep.config import Env
from qsweep.discretizer import Grid, cell_of

QTable = npt.NDArray[np.float64]

SUCCESS = {
    "Acrobot-v1": "terminated",
    "CartPole-v1": "truncated",
    "CliffWalking-v1": "terminated",
    "FrozenLake-v1": "rewarded",
    "FrozenLake8x8-v1": "rewarded",
    "MountainCar-v0": "terminated",
    "Taxi-v4": "terminated",
}
"""What counts as success: the goal was reached, the whole episode was survived, or a reward was won."""


class Setting(Protocol):
    """What a rollout needs to know of an environment; a training task knows it, too."""

    @property
    def env(self) -> Env:
        """Which environment it is."""

    @property
    def make(self) -> Callable[[], Any]:
        """The Gymnasium environment, with the step limit."""

    @property
    def encode(self) -> Callable[[Any], list[float]]:
        """The environment's observation -> one number per dimension."""

    @property
    def grid(self) -> Grid:
        """The grid that the Q-table lies on."""

    @property
    def first_action(self) -> int:
        """What the environment calls action 0."""

    @property
    def max_steps(self) -> int:
        """Steps in an episode, at most."""


@dataclass(frozen=True)
class Rollouts:
    """Greedy episodes, one for each start seed.

    returns float64[n], undiscounted; lengths int32[n], steps; terminated bool[n], otherwise
    truncated by the step limit.
    """

    returns: npt.NDArray[np.float64]
    lengths: npt.NDArray[np.int32]
    terminated: npt.NDArray[np.bool_]

    def successes(self, env_id: str) -> npt.NDArray[np.bool_] | None:
        """Which episodes succeeded, bool[n], or None where the environment defines no success."""
        match SUCCESS.get(env_id):
            case "terminated":
                return self.terminated
            case "truncated":
                return ~self.terminated
            case "rewarded":
                return self.returns > 0
        return None


def roll_out(setting: Setting, compiled: bool, q_table: QTable, seeds: range) -> Rollouts:
    """Follow the greedy policy of `q_table` once from the start that each seed gives.

    The first action of the highest value is taken; no episode is longer than the setting's step limit.
    compiled: with the environment's twin, which gives the same numbers.
    """
    return (_compiled if compiled else _gymnasium)(setting, q_table, seeds)


@lru_cache(maxsize=8)
def _starts(env_id: str, seeds: range) -> tuple[Any, Any]:
    from qsweep.dynamics import twin_of

    generators = (np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed))) for seed in seeds)
    drawn = [twin_of(env_id).start(generator, 1) for generator in generators]
    states, observations = zip(*drawn, strict=True)
    return np.concatenate(states), np.concatenate(observations)


def _compiled(setting: Setting, q_table: QTable, seeds: range) -> Rollouts:
    from qsweep.dynamics import twin_of
    from qsweep.evaluation.kernel import greedy_episodes

    grid = (np.array(setting.grid.low), np.array(setting.grid.scale), np.array(setting.grid.buckets))
    greedy = q_table.reshape(setting.grid.cells, -1).argmax(axis=1)
    rollouts = Rollouts(np.empty(len(seeds)), np.empty(len(seeds), np.int32), np.empty(len(seeds), np.bool_))
    greedy_episodes(
        twin_of(setting.env.id).step,
        _starts(setting.env.id, seeds),
        grid,
        setting.max_steps,
        greedy,
        rollouts.returns,
        rollouts.lengths,
        rollouts.terminated,
    )
    return rollouts


def _gymnasium(setting: Setting, q_table: QTable, seeds: range) -> Rollouts:
    greedy = q_table.reshape(setting.grid.cells, -1).argmax(axis=1).tolist()
    env = setting.make()
    try:
        episodes = [_episode(setting, env, greedy, seed) for seed in seeds]
    finally:
        env.close()
    returns, lengths, terminated = zip(*episodes, strict=True)
    return Rollouts(np.array(returns), np.array(lengths, np.int32), np.array(terminated, np.bool_))


def _episode(setting: Setting, env: Any, greedy: Sequence[int], seed: int) -> tuple[float, int, bool]:
    low, scale, buckets = setting.grid.low, setting.grid.scale, setting.grid.buckets
    seen, _ = env.reset(seed=seed)
    total, length = 0.0, 0
    while True:
        action = greedy[cell_of(setting.encode(seen), low, scale, buckets)]
        seen, reward, terminated, truncated, _ = env.step(action + setting.first_action)
        total += float(reward)
        length += 1
        if terminated or truncated or length >= setting.max_steps:
            return total, length, bool(terminated)
