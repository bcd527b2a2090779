"""Greedy episodes in an environment's twin, several side by side, as in `learning.engines.loop`."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from qsweep.environments.grid import Lattice, locate
from qsweep.environments.twins.pcg64 import Stream
from qsweep.environments.twins.twin import reset, step
from qsweep.learning.agent.values import index
from qsweep.learning.compiler.intrinsics import copy_lane, enter, local_arrays, record_in
from qsweep.learning.compiler.packing import Words
from qsweep.learning.engines.loop import Starts, World, reset_world, width_of
from qsweep.system.arrays import Floats, Ints

EPISODE, LENGTH, ACTION, TERMINATED, OVER, ROW = range(6)
"""Indices of `GreedyLane.at`."""


class GreedyLane(NamedTuple):
    """The state of one lane, which runs one episode at a time and takes the next free one after it.

    random: the stream that the twin draws from. state, observation: float64[k] and float64[dimensions].
    lattice: of the Q-table. cell int64[1]: the observation's cell, without tilings. at int64[6]: the number
    of its episode, its steps so far, the action, 1 if the last step terminated it, 1 if that or the step
    limit ended it, and the lane's row in `GreedyBatch.cells`. total float64[1]: the sum of its rewards.
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


def choose(lane: GreedyLane, batch: GreedyBatch) -> None:
    """Choose the greedy action for a lane."""
    if batch.cells.shape[1] > 1:
        cells = batch.cells[lane.at[ROW]]
        locate(lane.lattice, lane.observation, cells)
        lane.at[ACTION] = greedy_action(batch.q, batch.best, cells)
    else:
        locate(lane.lattice, lane.observation, lane.cell)
        lane.at[ACTION] = batch.best[index(lane.cell[0])]


def take_step(lane: GreedyLane, batch: GreedyBatch) -> None:
    """Make a step in a lane's twin."""
    at = lane.at
    reward, terminated = step(lane.random, batch.constants, lane.state, at[ACTION], lane.observation)
    lane.total[0] += reward
    at[LENGTH] += 1
    at[TERMINATED], at[OVER] = terminated, terminated or at[LENGTH] >= batch.max_steps


def end_episode(lane: GreedyLane, batch: GreedyBatch) -> None:
    """Store the results of a lane's episode."""
    at, total = lane.at, lane.total[0]
    episode = index(at[EPISODE])
    for i in range(len(lane.observation)):
        if math.isnan(lane.observation[i]):
            total = lane.observation[i]  # `roll_out` finds the episode by its return
    batch.returns[episode], batch.lengths[episode] = total, at[LENGTH]
    batch.terminated[episode] = at[TERMINATED] != 0


def begin_episode(lane: GreedyLane, batch: GreedyBatch, episode: int) -> None:
    """Start an episode in a lane."""
    lane.at[EPISODE], lane.at[LENGTH], lane.total[0] = episode, 0, 0.0
    world = World(lane.random, batch.constants, lane.state, lane.observation, batch.max_steps, False)
    reset_world(reset, world, batch.starts, episode)


def next_episodes(words: Words, arrays: Any, active: int, batch: GreedyBatch) -> int:
    """Start the next episodes in the lanes whose last one is over; return the number of lanes that have one.

    They are the first lanes; the others do what the first does.
    """
    for i in range(active - 1, -1, -1):
        lane = record_in(words, arrays, i)
        if lane.at[OVER] != 0:
            if lane.at[EPISODE] >= 0:
                end_episode(lane, batch)
            if batch.next[0] < len(batch.returns):
                begin_episode(lane, batch, batch.next[0])
                batch.next[0] += 1
            else:
                active -= 1
                copy_lane(words, arrays, active, i)
    for i in range(active, width_of(active)):
        copy_lane(words, arrays, 0, i)
    return active


def greedy_episodes(words: Words, batch: GreedyBatch) -> None:
    """Roll out all episodes, one step of each lane at a time.

    words: the blocks of the lanes.
    """
    arrays, active = local_arrays(words), len(words)
    for i in range(active):
        enter(words, arrays, i, i)
        at = record_in(words, arrays, i).at
        at[EPISODE], at[OVER], at[ROW] = -1, 1, i
    active = next_episodes(words, arrays, active, batch)
    while active > 0:
        width, over = width_of(active), 0
        for i in range(width):
            choose(record_in(words, arrays, i), batch)
        for i in range(width):
            take_step(record_in(words, arrays, i), batch)
        for i in range(width):
            over |= record_in(words, arrays, i).at[OVER]
        if over != 0:
            active = next_episodes(words, arrays, active, batch)
