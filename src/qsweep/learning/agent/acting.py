"""The steps of an agent through an episode, the same for every algorithm."""

from __future__ import annotations

from typing import Any

from qsweep.environments.grid import locate
from qsweep.learning.agent.agent import ACTION, Agent, Step
from qsweep.learning.agent.exploration import choose
from qsweep.learning.agent.values import cells_in, index
from qsweep.system.arrays import Floats

NEEDS_NEXT_ACTION = False
"""True if the algorithm learns from a step after the next action was chosen."""


def forget(agent: Agent, memory: Any) -> None:
    """Reset an algorithm's memory before an episode; `specialised` replaces it by the algorithm's own."""
    raise NotImplementedError


def learn(agent: Agent, memory: Any, step: Step) -> None:
    """Learn from a step; `specialised` replaces it, and the constant above, by the algorithm's own."""
    raise NotImplementedError


def begin(agent: Agent, memory: Any, observation: Floats) -> int:
    """Start an episode at an observation, float64[dimensions]; return the first action."""
    forget(agent, memory)
    locate(agent.lattice, observation, agent.s)
    agent.now[ACTION] = choose(agent, agent.s)
    return int(agent.now[ACTION])


def observe(
    agent: Agent, memory: Any, observation: Floats, r: float, terminated: bool, truncated: bool
) -> int:
    """Learn from the outcome of the last action; return the next action, or -1 if the episode is over.

    observation float64[dimensions]. r: the reward.
    """
    s, a, s_next, a_next = agent.s, agent.now[ACTION], agent.s_next, -1
    if len(agent.visits) > 0:
        for i in range(len(s)):
            agent.visits[s[i], a] += 1
    if not terminated:
        locate(agent.lattice, observation, s_next)
        if NEEDS_NEXT_ACTION:
            a_next = choose(agent, s_next)
    learn(agent, memory, Step(s, a, r, s_next, a_next, terminated, truncated))
    for i in range(cells_in(s)):
        agent.entered[index(s[i])] += 1
    if terminated or truncated:
        return -1
    if not NEEDS_NEXT_ACTION:
        a_next = choose(agent, s_next)
    for i in range(len(s)):
        s[i] = s_next[i]
    agent.now[ACTION] = a_next
    return a_next
