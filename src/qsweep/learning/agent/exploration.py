"""Choosing an action: at random with probability epsilon, otherwise as the exploration says.

| exploration | otherwise | source (Sutton and Barto 2018) |
| --- | --- | --- |
| epsilon_greedy | the best action | section 2.2 |
| softmax | with probability proportional to exp(Q / temperature) | equation 2.11 |
| ucb | the best of Q + confidence sqrt(ln N(s) / N(s, a)), untried ones first | equation 2.10 |
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from qsweep.learning.agent.agent import DRAWS, EPSILON, Agent
from qsweep.learning.agent.values import actions_in, value

EPSILON_GREEDY, SOFTMAX, UCB = 0, 1, 2
EXPLORATIONS = {"epsilon_greedy": EPSILON_GREEDY, "softmax": SOFTMAX, "ucb": UCB}

GUESSING = True
"""Whether the processor had better guess if one explores, and go on, than compute both and select.

A wrong guess costs little where one agent waits for its own last step, and much where the steps of others
are thrown away with it.
"""
SMALLEST = 2.0**-1000
"""An epsilon that one can divide by; no draw lies below it but 0."""


def draw(agent: Agent) -> float:
    """Return the agent's next random number, uniform in [0, 1).

    SplitMix64 (Steele, Lea and Flood 2014, Figure 16), used as a counter: draw k depends on the key and k
    alone, so a stream is resumed by its count.
    """
    z = agent.key[0] + np.uint64(agent.now[DRAWS]) * np.uint64(0x9E3779B97F4A7C15)
    agent.now[DRAWS] += 1
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return float(z >> np.uint64(11)) * 2.0**-53


def choose(agent: Agent, s: Any) -> int:
    """The action to take in a state; one draw decides everything."""
    u, epsilon, actions = draw(agent), agent.pace[EPSILON], actions_in(agent, s)
    if not GUESSING and agent.exploration == EPSILON_GREEDY and not agent.random_ties:
        best = greedy(agent, s, actions)
        tried = int(min(u * (actions / max(epsilon, SMALLEST)), actions - 1.0))
        return tried if u < epsilon else best
    if u < epsilon:
        return min(int(u * (actions / epsilon)), actions - 1)
    if agent.exploration == EPSILON_GREEDY and not agent.random_ties:
        return greedy(agent, s, actions)
    prefer(agent, s, actions)
    if agent.exploration == UCB and not agent.random_ties:
        return first_best(agent.row, actions)
    shares(agent, actions)
    return sampled(agent.policy, actions, (u - epsilon) / (1.0 - epsilon))


def greedy(agent: Agent, s: Any, actions: int) -> int:
    """The first action of the highest value in a state."""
    best, highest = 0, value(agent, s, 0)
    for a in range(1, actions):
        found = value(agent, s, a)
        best = a if found > highest else best
        highest = max(found, highest)
    return best


def prefer(agent: Agent, s: Any, actions: int) -> None:
    """Write what the best action is best by to `row`: the values, under UCB with a bonus for the untried."""
    for a in range(actions):
        agent.row[a] = value(agent, s, a)
    if agent.exploration == UCB:
        total = 0
        for a in range(actions):
            total += agent.visits[s[0], a]
        for a in range(actions):
            tried = agent.visits[s[0], a]
            bonus = np.inf if tried == 0 else agent.parameter * math.sqrt(math.log(total) / tried)
            agent.row[a] += bonus


def first_best(row: Any, actions: int) -> int:
    """The first action of the highest value, as numpy's argmax."""
    best, highest = 0, row[0]
    for a in range(1, actions):
        if row[a] > highest:
            best, highest = a, row[a]
    return best


def shares(agent: Agent, actions: int) -> None:
    """From the preferences in `row`, write each action's probability, apart from epsilon, to `policy`."""
    row, policy = agent.row, agent.policy
    best = first_best(row, actions)
    total = 0.0
    for a in range(actions):
        if agent.exploration == SOFTMAX:  # less the highest, so that none overflows
            policy[a] = math.exp((row[a] - row[best]) / agent.parameter)
        elif agent.random_ties:
            policy[a] = 1.0 if row[a] == row[best] else 0.0
        else:
            policy[a] = 1.0 if a == best else 0.0
        total += policy[a]
    for a in range(actions):
        policy[a] /= total


def sampled(policy: Any, actions: int, u: float) -> int:
    """The action that a number uniform in [0, 1) picks from a policy, float64[actions]."""
    last, total = 0, 0.0
    for a in range(actions):
        if policy[a] > 0.0:
            last = a
            total += policy[a]
            if u < total:
                return a
    return last


def expected(agent: Agent, s: Any) -> float:
    """The value of a state under the agent's own policy, sum_a pi(a | s) Q(s, a)."""
    epsilon, actions = min(agent.pace[EPSILON], 1.0), actions_in(agent, s)
    prefer(agent, s, actions)
    shares(agent, actions)
    total = 0.0
    for a in range(actions):
        total += ((1.0 - epsilon) * agent.policy[a] + epsilon / actions) * value(agent, s, a)
    return total
