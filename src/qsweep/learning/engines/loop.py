"""The compiled training loop: episodes of one agent, or of several side by side, in a twin.

Each lane trains one run. Every part of a step is done for all lanes before the next part: the parts are short
loops over arrays [..., lanes], most of which the compiler vectorises. The order within a lane is that of
`acting.observe`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from qsweep.environments.grid import locate
from qsweep.environments.twins.pcg64 import Stream
from qsweep.environments.twins.twin import reset, step
from qsweep.learning.agent.acting import forget, learn
from qsweep.learning.agent.agent import ACTION, DRAWS, Agent, Step
from qsweep.learning.agent.exploration import choose
from qsweep.learning.agent.values import cells_in, index
from qsweep.learning.compiler.intrinsics import copy_lane, enter, leave, local_arrays, record_in
from qsweep.learning.compiler.packing import Words
from qsweep.system.arrays import Floats, Ints

EPISODE, CHUNK, LENGTH, NEXT, TERMINATED, OVER = range(6)
"""Indices into `Lane.progress`."""
LAST, TOTAL = 0, 1
"""Indices into `Lane.rewards`."""

LANES = 1
"""The number of lanes that code is compiled for."""
GROUP = 8
"""The loops over lanes go over a multiple of this number, unless there is only one."""
PADDED = False
"""True if lanes without a run may act: they write nothing but local arrays."""
NEEDS_NEXT_ACTION = False
"""True if the algorithm learns from a step after the next action was chosen."""


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

    streams: uint64[episodes, 6], the stream of each episode; empty if an episode continues the stream of
    the one before.
    """

    states: Floats
    observations: Floats
    streams: Any


class Lane(NamedTuple):
    """A run in training: an agent, the twin that it acts in, and its progress in the current call.

    progress int64[6]: indices of the episode and of the chunk, steps of the episode so far, the next action,
    1 if the last step terminated the episode, and 1 if that or the step limit ended it. rewards float64[2]:
    the last one, and the sum in this episode. row int64[1]: of the run in the batch.
    """

    world: World
    agent: Agent
    memory: Any
    progress: Ints
    rewards: Floats
    row: Ints


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


def choose_next(lane: Lane) -> None:
    """Choose the next action."""
    lane.progress[NEXT] = choose(lane.agent, lane.agent.s_next)


def proceed(lane: Lane) -> None:
    """Make the next state and action the current ones."""
    agent = lane.agent
    for i in range(cells_in(agent.s)):
        agent.s[i] = agent.s_next[i]
    agent.now[ACTION] = lane.progress[NEXT]


def take_step(lane: Lane) -> None:
    """Make a step in the twin."""
    world, progress = lane.world, lane.progress
    r, terminated = step(
        world.random, world.constants, world.state, lane.agent.now[ACTION], world.observation
    )
    lane.rewards[LAST] = r
    lane.rewards[TOTAL] += r
    progress[LENGTH] += 1
    progress[TERMINATED] = terminated
    progress[OVER] = terminated or progress[LENGTH] >= world.max_steps


def locate_next(lane: Lane) -> None:
    """Find the cells of the observation."""
    locate(lane.agent.lattice, lane.world.observation, lane.agent.s_next)


def choose_before_learning(lane: Lane) -> None:
    """Choose the next action; a draw after a step that terminated the episode does not count."""
    choose_next(lane)
    lane.agent.now[DRAWS] -= lane.progress[TERMINATED]


def learns(lane: Lane) -> bool:
    """Return whether the agent learns from the last step."""
    truncated = lane.progress[OVER] > lane.progress[TERMINATED]
    return not (truncated and lane.world.skip_truncated)


def count_visit(lane: Lane) -> None:
    """Count the visit of the state and action, if visits are counted."""
    agent = lane.agent
    if len(agent.visits) > 0 and learns(lane):
        for i in range(len(agent.s)):
            agent.visits[agent.s[i], agent.now[ACTION]] += 1


def learn_from_step(lane: Lane) -> None:
    """Let the agent learn from the last step."""
    agent, progress = lane.agent, lane.progress
    if learns(lane):
        terminated, over = progress[TERMINATED] != 0, progress[OVER] != 0
        a, a_next, r = agent.now[ACTION], progress[NEXT], lane.rewards[LAST]
        made = Step(agent.s, a, r, agent.s_next, a_next, terminated, over and not terminated)
        learn(agent, lane.memory, made)
        for i in range(cells_in(agent.s)):
            agent.entered[index(agent.s[i])] += 1


def end_episode(lane: Lane, batch: EpisodeBatch) -> None:
    """Store the results of an episode, and the Q-table at the end of a chunk."""
    q, progress, seen, row = lane.agent.q, lane.progress, lane.world.observation, lane.row[0]
    episode, chunk = progress[EPISODE], progress[CHUNK]
    total = lane.rewards[TOTAL]
    for i in range(len(seen)):
        if math.isnan(seen[i]):
            total = seen[i]  # the engine finds the episode by its return
    batch.returns[row, episode], batch.lengths[row, episode] = total, progress[LENGTH]
    if episode + 1 == batch.ends[chunk]:
        for cell in range(q.shape[0]):
            for a in range(q.shape[1]):
                batch.tables[row, chunk, cell, a] = q[cell, a]
        progress[CHUNK] = chunk + 1


def begin_episode(lane: Lane, batch: EpisodeBatch) -> None:
    """Start the next episode."""
    agent, progress, row = lane.agent, lane.progress, lane.row[0]
    episode = progress[EPISODE]
    for i in range(len(agent.rates)):
        agent.rates[i] = batch.rates[episode, i]
    lane.rewards[TOTAL], progress[LENGTH] = 0.0, 0
    starts = batch.starts
    own = Starts(starts.states[row], starts.observations[row], starts.streams[row])
    forget(agent, lane.memory)
    reset_world(reset, lane.world, own, episode)
    locate(agent.lattice, lane.world.observation, agent.s_next)
    if NEEDS_NEXT_ACTION:
        choose_next(lane)


def end_episodes(words: Words, arrays: Any, active: int, batch: EpisodeBatch) -> int:
    """End the episodes that are over and start the next ones; return the number of runs that have any left.

    They are in the first lanes. The lanes after them do what the first does, if the loops go over them, too.
    """
    for i in range(active - 1, -1, -1):
        lane = record_in(words, arrays, i)
        if lane.progress[OVER] != 0:
            if lane.progress[EPISODE] >= 0:
                end_episode(lane, batch)
            lane.progress[EPISODE] += 1
            if lane.progress[EPISODE] < len(batch.rates):
                begin_episode(lane, batch)
            else:
                leave(words, arrays, i)
                active -= 1
                copy_lane(words, arrays, active, i)
    for i in range(active, width_of(active)):
        copy_lane(words, arrays, 0, i)
    return active


def width_of(active: int) -> int:
    """Return the number of lanes that the loops go over, if so many have runs."""
    if LANES == 1:
        return 1
    return (active + GROUP - 1) // GROUP * GROUP if PADDED else active


def act(words: Words, arrays: Any, width: int) -> None:
    """Make a step in all lanes and find the cells to which it led."""
    for i in range(width):
        if not NEEDS_NEXT_ACTION:
            choose_next(record_in(words, arrays, i))
        proceed(record_in(words, arrays, i))
    for i in range(width):
        take_step(record_in(words, arrays, i))
    for i in range(width):
        locate_next(record_in(words, arrays, i))


def choose_first(words: Words, arrays: Any, active: int, width: int) -> None:
    """Choose the next actions before the agents learn."""
    for i in range(active):
        count_visit(record_in(words, arrays, i))
    for i in range(width):
        choose_before_learning(record_in(words, arrays, i))


def learn_in_all(words: Words, arrays: Any, active: int, width: int) -> int:
    """Let the agents learn from their last steps; return 1 if an episode is over, otherwise 0."""
    for i in range(active):
        lane = record_in(words, arrays, i)
        if not NEEDS_NEXT_ACTION:
            count_visit(lane)
        learn_from_step(lane)
    over = 0
    for i in range(width):
        over |= record_in(words, arrays, i).progress[OVER]
    return over


def train_lanes(words: Words, batch: EpisodeBatch) -> None:
    """Train the runs in all rows to the end of a batch.

    words: the blocks of the runs, at most LANES.
    """
    arrays, active = local_arrays(words), len(words)
    for i in range(active):
        enter(words, arrays, i, i)
        lane = record_in(words, arrays, i)
        lane.row[0] = i
        lane.progress[EPISODE], lane.progress[CHUNK], lane.progress[OVER] = -1, 0, 1
    active = end_episodes(words, arrays, active, batch)
    while active > 0:
        width = width_of(active)
        act(words, arrays, width)
        if NEEDS_NEXT_ACTION:
            choose_first(words, arrays, active, width)
        if learn_in_all(words, arrays, active, width) != 0:
            active = end_episodes(words, arrays, active, batch)
