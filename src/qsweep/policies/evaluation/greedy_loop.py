"""Greedy episodes in an environment's twin, several interleaved."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from qsweep.environments.grid import Lattice, locate
from qsweep.environments.twins.pcg64 import Stream
from qsweep.environments.twins.twin import reset, step
from qsweep.learning.agent.values import index
from qsweep.learning.compiler.intrinsics import for_each, load_records
from qsweep.learning.compiler.packing import Words
from qsweep.learning.engines.loop import Starts, World, reset_world
from qsweep.system.arrays import Floats, Ints

GOING, EPISODE, LENGTH = range(3)
"""Indices of `GreedyLane.at`."""


class GreedyLane(NamedTuple):
    """The state of one lane, which runs one episode at a time and takes the next free one after it.

    random: the stream that the twin draws from. state, observation: float64[k] and float64[dimensions].
    lattice: of the Q-table. cell int64[1]: the observation's cell, without tilings. at int64[3]: 1 during
    an episode, its number, and its steps so far. total float64[1]: the sum of its rewards.
    """

    random: Stream
    state: Floats
    observation: Floats
    lattice: Lattice
    cell: Ints
    at: Ints
    total: Floats


class GreedyBatch(NamedTuple):
    """The episodes of one call, and the data that all lanes share.

    q float64[cells, actions]; best int64[cells], the greedy action of each cell. Written to: next int64[1],
    the number of the next episode; cells int64[lanes, tilings], the current cells of each lane; and, for
    each episode, returns float64[n], lengths int32[n], terminated bool[n].
    """

    starts: Starts
    constants: Floats
    max_steps: int
    q: Floats
    best: Ints
    next: Ints
    cells: Ints
    returns: Floats
    lengths: Any
    terminated: Any


def greedy_action(q: Floats, best: Any, cells: Any) -> int:
    """Return the first action with the highest value in a cell, or summed over the tiles of a state.

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


def choose(lane: GreedyLane, number: int, batch: GreedyBatch) -> int:
    """Return the greedy action for a lane; number: the lane's."""
    if batch.cells.shape[1] > 1:
        cells = batch.cells[number]
        locate(lane.lattice, lane.observation, cells)
        return greedy_action(batch.q, batch.best, cells)
    locate(lane.lattice, lane.observation, lane.cell)
    return int(batch.best[index(lane.cell[0])])


def enter(lane: GreedyLane, _number: int, batch: GreedyBatch) -> int:
    """Start the next episode in a lane that has none; return 1 if the lane has an episode then, else 0."""
    at = lane.at
    if at[GOING] == 0:
        episode = batch.next[0]
        if episode == len(batch.returns):
            return 0
        batch.next[0] += 1
        at[GOING], at[EPISODE], at[LENGTH], lane.total[0] = 1, episode, 0, 0.0
        world = World(lane.random, batch.constants, lane.state, lane.observation, batch.max_steps, False)
        reset_world(reset, world, batch.starts, episode)
    return 1


def act(lane: GreedyLane, number: int, batch: GreedyBatch) -> int:
    """Take one step in a lane and, at the end of its episode, store the results; return 0."""
    at = lane.at
    if at[GOING] != 0:
        a = choose(lane, number, batch)
        reward, over = step(lane.random, batch.constants, lane.state, a, lane.observation)
        lane.total[0] += reward
        at[LENGTH] += 1
        if over or at[LENGTH] >= batch.max_steps:
            episode, total = index(at[EPISODE]), lane.total[0]
            for i in range(len(lane.observation)):
                if math.isnan(lane.observation[i]):
                    total = lane.observation[i]  # `roll_out` finds the episode by its return
            batch.returns[episode], batch.lengths[episode] = total, at[LENGTH]
            batch.terminated[episode] = over
            at[GOING] = 0
    return 0


def greedy_episodes(words: Words, batch: GreedyBatch) -> None:
    """Roll out all episodes, one step of each lane at a time, so that the processor overlaps them.

    words: the blocks of the lanes, none of which has an episode yet.
    """
    lanes = load_records(words)
    while for_each(enter, lanes, batch) > 0:
        for_each(act, lanes, batch)
