"""Episodes of an agent in the twin of an environment, one after the other."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from qsweep.agents.acting import begin, observe
from qsweep.agents.agent import ALPHA, EPSILON, Agent
from qsweep.dynamics.pcg64 import Stream

Floats = npt.NDArray[np.float64]


class World(NamedTuple):
    """A twin at work. state, observation: float64[k] and float64[dimensions], written to.

    states, observations: [episodes, ...], where every episode starts, or empty where `reset` draws that.
    random: the stream that it draws from; streams: uint64[episodes, 4], where each episode begins to draw
    from, or empty: where the one before has ended.
    skip_truncated: the last step of an episode is not learned from where the step limit ended it.
    """

    random: Stream
    streams: Any
    constants: Floats
    state: Floats
    observation: Floats
    states: Floats
    observations: Floats
    max_steps: int
    skip_truncated: bool


def start(reset: Any, world: World, episode: int) -> None:
    """Put the world where an episode starts."""
    if len(world.states) == 0:
        if len(world.streams) > 0:
            for i in range(len(world.random)):
                world.random[i] = world.streams[episode, i]
        reset(world.random, world.constants, world.state, world.observation)
        return
    for i in range(len(world.state)):
        world.state[i] = world.states[episode, i]
    for i in range(len(world.observation)):
        world.observation[i] = world.observations[episode, i]


def train_episodes(
    reset: Any,
    step: Any,
    world: World,
    agent: Agent,
    memory: Any,
    pace: Floats,
    ends: Any,
    tables: Floats,
    returns: Floats,
    lengths: Any,
) -> None:
    """Train len(pace) episodes; `begin` and `observe` are those of the agent's algorithm.

    ends int64[chunks]: how many episodes are done at the end of each chunk; tables float64[chunks,
    cells, actions], returns float64[n] and lengths int32[n] are written. pace: see `paces`.
    """
    first = 0
    for chunk in range(len(ends)):
        for episode in range(first, ends[chunk]):
            agent.pace[EPSILON], agent.pace[ALPHA] = pace[episode, EPSILON], pace[episode, ALPHA]
            start(reset, world, episode)
            a = begin(agent, memory, world.observation)
            total, length, over = 0.0, 0, False
            while not over:
                r, terminated = step(world.random, world.constants, world.state, a, world.observation)
                total += r
                length += 1
                truncated = length >= world.max_steps and not terminated
                over = terminated or truncated
                if not (truncated and world.skip_truncated):
                    a = observe(agent, memory, world.observation, r, terminated, truncated)
            returns[episode], lengths[episode] = total, length
        first = ends[chunk]
        for cell in range(agent.q.shape[0]):
            for a in range(agent.q.shape[1]):
                tables[chunk, cell, a] = agent.q[cell, a]
