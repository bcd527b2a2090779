"""Greedy rollouts: what a Q-table is worth without exploration, from given start seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from qsweep.compiling import compiled
from qsweep.config import Env
from qsweep.discretizer import Floats, Grid, Lattice, lattice, locate
from qsweep.dynamics.pcg64 import stream
from qsweep.dynamics.twin import Twin, reset, step
from qsweep.training.loop import Starts, World, start
from qsweep.twins import twin_of

QTable = npt.NDArray[np.float64]

SUCCESS = {
    "Acrobot-v1": "terminated",
    "CartPole-v0": "truncated",
    "CartPole-v1": "truncated",
    "CliffWalking-v1": "terminated",
    "FrozenLake-v1": "rewarded",
    "FrozenLake8x8-v1": "rewarded",
    "MountainCar-v0": "terminated",
    "Taxi-v4": "terminated",
    "qsweep/DynaMaze-v0": "terminated",
    "qsweep/WindyGridworld-v0": "terminated",
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


def greedy_action(q: Floats, best: Any, cells: Any) -> int:
    """The first action of the highest value in a state: that of its cell, or of the sum over its tiles.

    q float64[cells, actions]; best int64[cells], the greedy action of each cell; cells int64[tilings].
    """
    if len(cells) == 1:
        return int(best[cells[0]])
    found, highest = 0, -np.inf
    for a in range(q.shape[1]):
        total = 0.0
        for i in range(len(cells)):
            total += q[cells[i], a]
        if total > highest:
            found, highest = a, total
    return found


def greedy_episodes(
    world: World,
    starts: Starts,
    where: Lattice,
    q: Floats,
    best: Any,
    cells: Any,
    returns: Floats,
    lengths: Any,
    terminated: Any,
) -> None:
    """Roll out len(returns) episodes in a twin; see `greedy_action`. Writes float64[n], int32[n], bool[n]."""
    for episode in range(len(returns)):
        start(reset, world, starts, episode)
        total, length, over = 0.0, 0, False
        while not over and length < world.max_steps:
            locate(where, world.observation, cells)
            a = greedy_action(q, best, cells)
            reward, over = step(world.random, world.constants, world.state, a, world.observation)
            total += reward
            length += 1
        returns[episode], lengths[episode], terminated[episode] = total, length, over


@dataclass(frozen=True)
class _Greedy:
    """A Q-table as `greedy_action` takes it, and the grid that it lies on."""

    where: Lattice
    q: Floats
    best: Any
    cells: Any

    @classmethod
    def of(cls, setting: Setting, q_table: QTable) -> _Greedy:
        q = np.ascontiguousarray(q_table).reshape(setting.grid.cells, -1)
        return cls(lattice(setting.grid), q, q.argmax(axis=1), np.zeros(setting.grid.tilings, np.int64))


def _compiled(setting: Setting, q_table: QTable, seeds: range) -> Rollouts:
    twin = twin_of(setting.env)
    assert twin is not None
    greedy, n = _Greedy.of(setting, q_table), len(seeds)
    rollouts = Rollouts(np.empty(n), np.empty(n, np.int32), np.empty(n, np.bool_))
    kernel, state, observation = _kernel(twin)
    world = World(stream(0), twin.constants, state.copy(), observation.copy(), setting.max_steps, False)
    results = (rollouts.returns, rollouts.lengths, rollouts.terminated)
    kernel(world, _starts(twin, seeds), greedy.where, greedy.q, greedy.best, greedy.cells, *results)
    return rollouts


@lru_cache(maxsize=8)
def _starts(twin: Twin, seeds: range) -> Starts:
    """Where the episode of each seed starts."""
    if twin.start is None:
        return Starts(*twin.starts(np.random.default_rng(0), 0), np.stack([stream(seed) for seed in seeds]))
    generators = (np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed))) for seed in seeds)
    states, observations = zip(*(twin.start(generator, 1) for generator in generators), strict=True)
    return Starts(np.concatenate(states), np.concatenate(observations), np.zeros((0, 4), np.uint64))


@lru_cache(maxsize=8)
def _kernel(twin: Twin) -> tuple[Callable[..., None], Floats, Floats]:
    """`greedy_episodes` for a twin, and arrays like its states and observations."""
    from numba import boolean, float64, int32, int64, typeof, void

    state, observation = twin.room()
    world = World(stream(0), twin.constants, state, observation, 1, False)
    where = lattice(Grid((0.0,) * len(observation), (1.0,) * len(observation), (1,) * len(observation)))
    tables = (float64[:, ::1], int64[::1], int64[::1], float64[::1], int32[::1], boolean[::1])
    records = (typeof(world), typeof(_starts(twin, range(1))), typeof(where))
    names = {"reset": twin.reset, "step": twin.step}
    return compiled(greedy_episodes, void(*records, *tables), names), state, observation


def _gymnasium(setting: Setting, q_table: QTable, seeds: range) -> Rollouts:
    greedy = _Greedy.of(setting, q_table)
    env = setting.make()
    try:
        episodes = [_episode(setting, env, greedy, seed) for seed in seeds]
    finally:
        env.close()
    returns, lengths, terminated = zip(*episodes, strict=True)
    return Rollouts(np.array(returns), np.array(lengths, np.int32), np.array(terminated, np.bool_))


def _episode(setting: Setting, env: Any, greedy: _Greedy, seed: int) -> tuple[float, int, bool]:
    seen, _ = env.reset(seed=seed)
    total, length = 0.0, 0
    while True:
        locate(greedy.where, np.array(setting.encode(seen)), greedy.cells)
        action = greedy_action(greedy.q, greedy.best, greedy.cells)
        seen, reward, terminated, truncated, _ = env.step(action + setting.first_action)
        total += float(reward)
        length += 1
        if terminated or truncated or length >= setting.max_steps:
            return total, length, bool(terminated)
