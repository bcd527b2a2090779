"""The compiled training loop: episodes of one agent, or of several interleaved ones, in a twin."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from qsweep.environments.twins.pcg64 import Stream
from qsweep.environments.twins.twin import reset, step
from qsweep.learning.agent.acting import begin, observe
from qsweep.learning.agent.agent import ACTION, Agent
from qsweep.learning.compiler.intrinsics import for_each, load_records, store_records
from qsweep.learning.compiler.packing import Words
from qsweep.system.arrays import Floats, Ints

EPISODE, CHUNK, LENGTH, TERMINATED = range(4)
"""Indices into `Lane.progress`."""
TOTAL, LAST = 0, 1
"""Indices into `Lane.rewards`."""

SINGLE_LANE = False
"""True if the code is compiled for a single lane."""


class World(NamedTuple):
    """The state of a twin: state float64[k] and observation float64[dimensions], which every step changes.

    random: the stream from which the twin draws. skip_truncated: the agent does not learn from a step that
    the step limit truncates (the tutorial's rule).
    """

    random: Stream
    constants: Floats
    state: Floats
    observation: Floats
    max_steps: int
    skip_truncated: bool


class Starts(NamedTuple):
    """The starts of episodes: states and observations [episodes, ...], empty if `reset` draws them.

    streams: uint64[episodes, 4], the stream of each episode; empty if an episode continues the stream of
    the one before.
    """

    states: Floats
    observations: Floats
    streams: Any


class Lane(NamedTuple):
    """A run in training: an agent, the twin that it acts in, and its progress in the current call.

    progress int64[4]: indices of the episode and of the chunk, steps of the episode so far, and 1 if the
    last one terminated it. rewards float64[2]: the sum in this episode, and the last one.
    """

    world: World
    agent: Agent
    memory: Any
    progress: Ints
    rewards: Floats


class EpisodeBatch(NamedTuple):
    """The episodes of one call, in several lanes.

    Inputs: starts of every lane [lanes, episodes, ...]; rates float64[episodes, 2], see `rates_of`; ends
    int64[chunks], the number of episodes done at the end of each chunk. Outputs: tables float64[lanes,
    chunks, cells, actions], returns float64[lanes, episodes], lengths int32[lanes, episodes].
    """

    starts: Starts
    rates: Floats
    ends: Ints
    tables: Floats
    returns: Floats
    lengths: Any


def reset_world(reset: Any, world: World, starts: Starts, episode: int) -> None:
    """Set a twin's state and observation to the start of an episode."""
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


def begin_episode(lane: Lane, number: int, starts: Starts, rates: Floats) -> None:
    """Start a lane's next episode. number: the lane's index. starts, rates: see `EpisodeBatch`."""
    episode = lane.progress[EPISODE]
    for i in range(len(lane.agent.rates)):
        lane.agent.rates[i] = rates[episode, i]
    lane.rewards[TOTAL] = 0.0
    own = Starts(starts.states[number], starts.observations[number], starts.streams[number])
    reset_world(reset, lane.world, own, episode)
    begin(lane.agent, lane.memory, lane.world.observation)


def learn_from_step(lane: Lane) -> bool:
    """Let a lane's agent learn from its last step; return whether the episode is over."""
    world, r, terminated = lane.world, lane.rewards[LAST], lane.progress[TERMINATED] != 0
    lane.rewards[TOTAL] += r
    lane.progress[LENGTH] += 1
    truncated = lane.progress[LENGTH] >= world.max_steps and not terminated
    if not (truncated and world.skip_truncated):
        observe(lane.agent, lane.memory, world.observation, r, terminated, truncated)
    return terminated or truncated


def end_episode(lane: Lane, number: int, batch: EpisodeBatch) -> None:
    """Store the results of a lane's episode, and its Q-table at the end of a chunk."""
    q, progress, seen = lane.agent.q, lane.progress, lane.world.observation
    episode, chunk = progress[EPISODE], progress[CHUNK]
    total = lane.rewards[TOTAL]
    for i in range(len(seen)):
        if math.isnan(seen[i]):
            total = seen[i]  # the engine finds the episode by its return
    batch.returns[number, episode], batch.lengths[number, episode] = total, progress[LENGTH]
    progress[EPISODE], progress[LENGTH] = episode + 1, 0
    if progress[EPISODE] == batch.ends[chunk]:
        for cell in range(q.shape[0]):
            for a in range(q.shape[1]):
                batch.tables[number, chunk, cell, a] = q[cell, a]
        progress[CHUNK] = chunk + 1


def unfinished(lane: Lane, batch: EpisodeBatch) -> bool:
    """Return whether a lane has episodes left in the batch."""
    return SINGLE_LANE or lane.progress[EPISODE] < len(batch.rates)


def take_step(lane: Lane, number: int, batch: EpisodeBatch) -> int:
    """Make one step in a lane's twin, after starting an episode if none is running; return 0."""
    if unfinished(lane, batch):
        if lane.progress[LENGTH] == 0:
            begin_episode(lane, number, batch.starts, batch.rates)
        world, a = lane.world, lane.agent.now[ACTION]
        r, terminated = step(world.random, world.constants, world.state, a, world.observation)
        lane.rewards[LAST], lane.progress[TERMINATED] = r, terminated
    return 0


def finish_step(lane: Lane, number: int, batch: EpisodeBatch) -> int:
    """Let a lane's agent learn from its step; return 1 if that was the batch's last, otherwise 0."""
    if unfinished(lane, batch) and learn_from_step(lane):
        end_episode(lane, number, batch)
        return int(lane.progress[EPISODE] == len(batch.rates))
    return 0


def reset_progress(lane: Lane, _number: int, _batch: EpisodeBatch) -> int:
    """Set a lane to the beginning of a batch; return 1, so that the sum is the number of lanes."""
    lane.progress[EPISODE], lane.progress[CHUNK], lane.progress[LENGTH] = 0, 0, 0
    return 1


def train_lanes(words: Words, batch: EpisodeBatch) -> None:
    """Train all lanes to the end of a batch, one step of each in turn.

    The steps of different lanes are independent, so that the processor executes them in parallel.

    words: the blocks of the lanes.
    """
    lanes = load_records(words)
    running = for_each(reset_progress, lanes, batch)
    while running > 0:
        for_each(take_step, lanes, batch)
        running -= for_each(finish_step, lanes, batch)
    store_records(lanes, words)
