"""Episodes of agents in the twin of an environment, one after the other; of several agents by turns."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from qsweep.environments.twins.pcg64 import Stream
from qsweep.environments.twins.twin import reset, step
from qsweep.learning.agent.acting import begin, observe
from qsweep.learning.agent.agent import ACTION, Agent
from qsweep.learning.compiler.intrinsics import each, held, put_back
from qsweep.learning.compiler.packing import Words

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EPISODE, CHUNK, LENGTH, TERMINATED = range(4)
"""Places in `Lane.at`."""
TOTAL, LAST = 0, 1
"""Places in `Lane.rewards`."""

ALONE = False
"""Whether there is one lane only, where code is compiled for that."""


class World(NamedTuple):
    """A twin at work. state, observation: float64[k] and float64[dimensions], written to.

    random: the stream that it draws from. skip_truncated: the last step of an episode is not learned from
    where the step limit ended it.
    """

    random: Stream
    constants: Floats
    state: Floats
    observation: Floats
    max_steps: int
    skip_truncated: bool


class Starts(NamedTuple):
    """Where episodes start. states, observations: [episodes, ...], or empty where `reset` draws that.

    streams: uint64[episodes, 4], where each episode begins to draw from, or empty: where the one before has
    ended.
    """

    states: Floats
    observations: Floats
    streams: Any


class Lane(NamedTuple):
    """A run on its way: an agent in its world, and how far it is.

    at int64[4]: the episode and the chunk that it is in, the steps of that episode so far, and whether the
    last one terminated it. rewards float64[2]: their sum, and the last one.
    """

    world: World
    agent: Agent
    memory: Any
    at: Ints
    rewards: Floats


class Batch(NamedTuple):
    """The episodes of one call, in several lanes.

    starts: of every lane, [lanes, episodes, ...]. pace float64[episodes, 2]: see `paces`. ends int64[chunks]:
    how many episodes are done at the end of each chunk. Written to: tables float64[lanes, chunks, cells,
    actions], returns float64[lanes, episodes], lengths int32[lanes, episodes].
    """

    starts: Starts
    pace: Floats
    ends: Ints
    tables: Floats
    returns: Floats
    lengths: Any


def start(reset: Any, world: World, starts: Starts, episode: int) -> None:
    """Put the world where an episode starts."""
    if len(starts.states) == 0:
        if len(starts.streams) > 0:
            for i in range(len(world.random)):
                world.random[i] = starts.streams[episode, i]
        reset(world.random, world.constants, world.state, world.observation)
        return
    for i in range(len(world.state)):
        world.state[i] = starts.states[episode, i]
    for i in range(len(world.observation)):
        world.observation[i] = starts.observations[episode, i]


def begin_episode(lane: Lane, number: int, starts: Starts, pace: Floats) -> None:
    """Put a lane where its episode starts; number: of the lane. starts, pace: see `Batch`."""
    episode = lane.at[EPISODE]
    for i in range(len(lane.agent.pace)):
        lane.agent.pace[i] = pace[episode, i]
    lane.rewards[TOTAL] = 0.0
    own = Starts(starts.states[number], starts.observations[number], starts.streams[number])
    start(reset, lane.world, own, episode)
    begin(lane.agent, lane.memory, lane.world.observation)


def learn(lane: Lane) -> bool:
    """A lane's agent learns from that step; whether the episode is over."""
    world, r, terminated = lane.world, lane.rewards[LAST], lane.at[TERMINATED] != 0
    lane.rewards[TOTAL] += r
    lane.at[LENGTH] += 1
    truncated = lane.at[LENGTH] >= world.max_steps and not terminated
    if not (truncated and world.skip_truncated):
        observe(lane.agent, lane.memory, world.observation, r, terminated, truncated)
    return terminated or truncated


def end_episode(lane: Lane, number: int, batch: Batch) -> None:
    """Write down what a lane's episode was; number: of the lane."""
    q, at = lane.agent.q, lane.at
    episode, chunk = at[EPISODE], at[CHUNK]
    batch.returns[number, episode], batch.lengths[number, episode] = lane.rewards[TOTAL], at[LENGTH]
    at[EPISODE], at[LENGTH] = episode + 1, 0
    if at[EPISODE] == batch.ends[chunk]:
        for cell in range(q.shape[0]):
            for a in range(q.shape[1]):
                batch.tables[number, chunk, cell, a] = q[cell, a]
        at[CHUNK] = chunk + 1


def going(lane: Lane, batch: Batch) -> bool:
    """Whether a lane has not come to the end of a batch."""
    return ALONE or lane.at[EPISODE] < len(batch.pace)


def act(lane: Lane, number: int, batch: Batch) -> int:
    """The world of a lane takes one step, the first one of an episode after its start."""
    if going(lane, batch):
        if lane.at[LENGTH] == 0:
            begin_episode(lane, number, batch.starts, batch.pace)
        world, a = lane.world, lane.agent.now[ACTION]
        r, terminated = step(world.random, world.constants, world.state, a, world.observation)
        lane.rewards[LAST], lane.at[TERMINATED] = r, terminated
    return 0


def follow(lane: Lane, number: int, batch: Batch) -> int:
    """The agent of a lane learns from that; 1 at the end of the batch."""
    if going(lane, batch) and learn(lane):
        end_episode(lane, number, batch)
        return int(lane.at[EPISODE] == len(batch.pace))
    return 0


def enter(lane: Lane, _number: int, _batch: Batch) -> int:
    """A lane is at the beginning of a batch; 1, lanes are counted."""
    lane.at[EPISODE], lane.at[CHUNK], lane.at[LENGTH] = 0, 0, 0
    return 1


def train_lanes(words: Words, batch: Batch) -> None:
    """Train lanes to the end of a batch, a step of each in turn: none waits for what another computes.

    words: their blocks.
    """
    lanes = held(words)
    live = each(enter, lanes, batch)
    while live > 0:
        each(act, lanes, batch)
        live -= each(follow, lanes, batch)
    put_back(lanes, words)
