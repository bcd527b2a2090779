"""How an agent goes through an episode, whatever its algorithm."""

from __future__ import annotations

from typing import Any

from qsweep.environments.grid import locate
from qsweep.learning.agent.agent import ACTION, Agent, Floats, Step
from qsweep.learning.agent.exploration import choose

LOOKS_AHEAD = False
"""Whether the next action is chosen before the last step is learned from."""


def forget(agent: Agent, memory: Any) -> None:
    """What an algorithm does before an episode."""
    raise NotImplementedError


def learn(agent: Agent, memory: Any, step: Step) -> None:
    """What an algorithm does at a step: `specialised` puts its own in place of this and what is above."""
    raise NotImplementedError


def begin(agent: Agent, memory: Any, observation: Floats) -> int:
    """The first action of an episode that begins with an observation, float64[dimensions]."""
    forget(agent, memory)
    locate(agent.lattice, observation, agent.s)
    agent.now[ACTION] = choose(agent, agent.s)
    return int(agent.now[ACTION])


def observe(
    agent: Agent, memory: Any, observation: Floats, r: float, terminated: bool, truncated: bool
) -> int:
    """Learn from what the last action led to; the next action, or -1 where the episode is over."""
    s, a, s_next, a_next = agent.s, agent.now[ACTION], agent.s_next, -1
    if len(agent.visits) > 0:
        for i in range(len(s)):
            agent.visits[s[i], a] += 1
    if not terminated:
        locate(agent.lattice, observation, s_next)
        if LOOKS_AHEAD:
            a_next = choose(agent, s_next)
    learn(agent, memory, Step(s, a, r, s_next, a_next, terminated, truncated))
    if terminated or truncated:
        return -1
    if not LOOKS_AHEAD:
        a_next = choose(agent, s_next)
    for i in range(len(s)):
        s[i] = s_next[i]
    agent.now[ACTION] = a_next
    return a_next
