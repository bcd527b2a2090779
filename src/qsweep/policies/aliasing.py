"""Aliasing of a Q-table: the differences between states that share a cell, and which buckets to split.

An agent takes one action in all states of a cell. The states are those of slightly random play. Their
temporal-difference targets differ within a cell; what that costs is measured by playing: each action is taken
once in each state and followed by the greedy policy. The regret of a cell is the mean return of the best
action of each state, minus the highest mean return of one action in all of them. A dimension's buckets are
too wide if halves of them have less regret than halves made by chance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from qsweep import seeds
from qsweep.environments.grid import Cells, cell_of, cells_at
from qsweep.environments.resolved import Setting
from qsweep.environments.twins.matching import twin_of
from qsweep.environments.twins.twin import Twin
from qsweep.policies.evaluation.exact import greedy_actions
from qsweep.policies.evaluation.rollouts import returns_from
from qsweep.system.arrays import Floats, QTable

STATES, EPSILON, HALVES = 1500, 0.1, 20
"""Number of states, share of random actions on the way to them, and number of divisions by chance."""


@dataclass(frozen=True)
class Aliasing:
    """The differences within the cells of one Q-table.

    within, overall: standard deviations of the temporal-difference target of an action, in its cell and over
    all. spread float64[buckets...]: that of each cell, NaN where no action was taken in two states. regret:
    the return that one action for each cell costs, mean over visited states. recovered: the share of it that
    halves of the buckets recover, one per dimension, beyond halves made by chance; error: its standard error.
    """

    within: float
    overall: float
    regret: float
    recovered: tuple[float, ...]
    error: float
    spread: Floats


def aliasing(setting: Setting, q_table: QTable, discount: float) -> Aliasing | None:
    """Measure the aliasing of a Q-table.

    None without a twin whose states can be set, with several tilings, learned edges or discrete dimensions.
    """
    twin, grid = twin_of(setting.env, setting.description), setting.grid
    discrete = any(dimension.values for dimension in setting.description.dimensions)
    if twin is None or twin.start is None or discrete or grid.tilings > 1 or grid.edges:
        return None
    played = replace(setting, twin=twin)
    states, observations, actions = _visited(played, twin, q_table)
    q = q_table.reshape(grid.cells, -1)
    cells = cells_at(grid, observations)[:, 0]
    returns = np.empty((len(states), q.shape[1]))
    target = np.empty(len(states))
    for action in range(q.shape[1]):
        after, seen, rewards, over = _stepped(twin, states, observations, action)
        following = returns_from(played, q_table, after, seen)
        returns[:, action] = rewards + np.where(over, 0.0, following)
        value = rewards + discount * np.where(over, 0.0, q[cells_at(grid, seen)[:, 0]].max(axis=1))
        target = np.where(actions == action, value, target)
    regret, chance = _regret(returns, cells), np.random.default_rng(seeds.PLAY)
    by_chance = [_regret(returns, 2 * cells + chance.integers(2, size=len(cells))) for _ in range(HALVES)]
    halves = np.floor((observations - grid.low) * grid.scale * 2).astype(np.int64) % 2
    split = np.array([_regret(returns, 2 * cells + halves[:, d]) for d in range(halves.shape[1])])
    share = (np.mean(by_chance) - split) / regret if regret > 0 else np.zeros(len(split))
    error = float(np.std(by_chance) / regret) if regret > 0 else 0.0
    within, spread = _spread(target, cells, actions, q)
    of_cells = spread.reshape(q_table.shape[:-1])
    return Aliasing(within, float(target.std()), regret, tuple(share.tolist()), error, of_cells)


def _visited(setting: Setting, twin: Twin, q_table: QTable) -> tuple[Floats, Floats, Cells]:
    """Return states, observations and actions of play with some random actions, `STATES` of each."""
    assert twin.start is not None
    random, q, grid = np.random.default_rng(seeds.PLAY), q_table.reshape(setting.grid.cells, -1), setting.grid
    greedy = greedy_actions(q, np.arange(len(q))[:, None]).tolist()
    scale = grid.scale
    state, observation = twin.buffers()
    states: list[Floats] = []
    observations: list[Floats] = []
    actions: list[int] = []
    while len(states) < STATES:
        starts = twin.starts(random, 1)
        state[:], observation[:], over, length = starts[0][0], starts[1][0], False, 0
        while not over and length < setting.max_steps:
            action = greedy[cell_of(observation, grid.low, scale, grid.buckets)]
            action = int(random.integers(q.shape[1])) if random.random() < EPSILON else action
            states.append(state.copy())
            observations.append(observation.copy())
            actions.append(action)
            _, over = twin.step(None, twin.constants, state, action, observation)
            length += 1
    return np.array(states), np.array(observations), np.array(actions)


def _stepped(
    twin: Twin, states: Floats, observations: Floats, action: int
) -> tuple[Floats, Floats, Floats, Cells]:
    """Return states, observations, rewards and ends after the same action in all states."""
    after, seen = states.copy(), observations.copy()
    results = [twin.step(None, twin.constants, *pair) for pair in _with(action, after, seen)]
    rewards, over = zip(*results, strict=True)
    return after, seen, np.array(rewards), np.array(over)


def _with(action: int, states: Floats, observations: Floats) -> list[tuple[Floats, int, Floats]]:
    return [(state, action, seen) for state, seen in zip(states, observations, strict=True)]


def _regret(returns: Floats, groups: Cells) -> float:
    """Return how much the best action of each state is better than the best one of its group, on average."""
    _, group = np.unique(groups, return_inverse=True)
    together = np.stack([np.bincount(group, of_action) for of_action in returns.T])
    return float((returns.max(axis=1).sum() - together.max(axis=0).sum()) / len(returns))


def _spread(target: Floats, cells: Cells, actions: Cells, q: QTable) -> tuple[float, Floats]:
    """Return the standard deviation within pairs of cell and action, of all together and of each cell's."""
    pairs, *sums = _deviations(target, cells * q.shape[1] + actions)
    counts, squares = (np.bincount(pairs // q.shape[1], each, len(q)) for each in sums)
    within = float(np.sqrt(squares.sum() / max(counts.sum(), 1)))
    return within, np.sqrt(np.divide(squares, counts, out=np.full(len(q), np.nan), where=counts > 0))


def _deviations(values: Floats, groups: Cells) -> tuple[Cells, Floats, Floats]:
    """Return groups, their numbers of values less one, and sums of squared deviations from their means."""
    found, group, counts = np.unique(groups, return_inverse=True, return_counts=True)
    deviations = values - (np.bincount(group, values) / counts)[group]
    squares = np.bincount(group, np.square(deviations)).astype(np.float64)
    return found, (counts - 1).astype(np.float64), squares
