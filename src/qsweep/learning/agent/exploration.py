"""Choosing an action: a random one with probability epsilon, otherwise by the kind of exploration.

| exploration | otherwise | source (Sutton and Barto 2018) |
| --- | --- | --- |
| epsilon_greedy | the best action | section 2.2 |
| softmax | with probability proportional to exp(Q / temperature) | equation 2.11 |
| ucb | the action with the highest Q + confidence sqrt(ln N(s) / N(s, a)), untried first | equation 2.10 |
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from qsweep.learning.agent.agent import DRAWS, EPSILON, Agent
from qsweep.learning.agent.values import actions_in, value

EPSILON_GREEDY, SOFTMAX, UCB = 0, 1, 2
EXPLORATIONS = {"epsilon_greedy": EPSILON_GREEDY, "softmax": SOFTMAX, "ucb": UCB}

BRANCHING = True
"""True: compile a branch, so that the processor predicts whether the agent explores; False: compute both.

A misprediction costs little when a single agent waits for its own last step anyway, and much when it
discards steps of interleaved agents that were already executed ahead.
"""
MIN_EPSILON = 2.0**-1000
"""A lower bound that makes division by epsilon safe; the only draw below it is 0."""


def draw(agent: Agent) -> float:
    """Return the agent's next random number, uniform in [0, 1).

    SplitMix64 (Steele, Lea and Flood 2014, Figure 16), used as a counter: draw k depends only on the key
    and k, so the number of draws is enough to resume a stream.
    """
    z = agent.key[0] + np.uint64(agent.now[DRAWS]) * np.uint64(0x9E3779B97F4A7C15)
    agent.now[DRAWS] += 1
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return float(z >> np.uint64(11)) * 2.0**-53


def choose(agent: Agent, s: Any) -> int:
    """Return the action to take in a state; it takes exactly one draw."""
    u, epsilon, actions = draw(agent), agent.rates[EPSILON], actions_in(agent, s)
    if not BRANCHING and agent.exploration == EPSILON_GREEDY and not agent.random_ties:
        best = best_action(agent, s, actions)
        random = int(min(u * np.divide(actions, max(epsilon, MIN_EPSILON)), actions - 1.0))
        return random if u < epsilon else best
    if u < epsilon:
        return min(int(u * (actions / epsilon)), actions - 1)
    if agent.exploration == EPSILON_GREEDY and not agent.random_ties:
        return best_action(agent, s, actions)
    write_preferences(agent, s, actions)
    if agent.exploration == UCB and not agent.random_ties:
        return argmax(agent.preferences, actions)
    write_policy(agent, actions)
    return sample_action(agent.policy, actions, (u - epsilon) / (1.0 - epsilon))


def best_action(agent: Agent, s: Any, actions: int) -> int:
    """Return the action with the highest value in a state, the first of equal ones."""
    best, highest = 0, value(agent, s, 0)
    for a in range(1, actions):
        q = value(agent, s, a)
        best = a if q > highest else best
        highest = max(q, highest)
    return best


def write_preferences(agent: Agent, s: Any, actions: int) -> None:
    """Write the quantity that the best action maximises to `preferences`: values, under UCB with a bonus."""
    for a in range(actions):
        agent.preferences[a] = value(agent, s, a)
    if agent.exploration == UCB:
        total = 0
        for a in range(actions):
            total += agent.visits[s[0], a]
        for a in range(actions):
            tried = agent.visits[s[0], a]
            bonus = np.inf if tried == 0 else agent.parameter * math.sqrt(math.log(total) / tried)
            agent.preferences[a] += bonus


def argmax(preferences: Any, actions: int) -> int:
    """Return the first action of the highest preference, as numpy's argmax does."""
    best, highest = 0, preferences[0]
    for a in range(1, actions):
        if preferences[a] > highest:
            best, highest = a, preferences[a]
    return best


def write_policy(agent: Agent, actions: int) -> None:
    """Write each action's probability when not exploring by epsilon to `policy`, from `preferences`."""
    preferences, policy = agent.preferences, agent.policy
    best = argmax(preferences, actions)
    total = 0.0
    for a in range(actions):
        if agent.exploration == SOFTMAX:  # minus the highest preference, so that exp does not overflow
            policy[a] = math.exp((preferences[a] - preferences[best]) / agent.parameter)
        elif agent.random_ties:
            policy[a] = 1.0 if preferences[a] == preferences[best] else 0.0
        else:
            policy[a] = 1.0 if a == best else 0.0
        total += policy[a]
    for a in range(actions):
        policy[a] /= total


def sample_action(policy: Any, actions: int, u: float) -> int:
    """Return the action that u, uniform in [0, 1), selects from a policy, float64[actions]."""
    last, total = 0, 0.0
    for a in range(actions):
        if policy[a] > 0.0:
            last = a
            total += policy[a]
            if u < total:
                return a
    return last


def expected_value(agent: Agent, s: Any) -> float:
    """Return the value of a state under the agent's own policy, sum_a pi(a | s) Q(s, a)."""
    epsilon, actions = min(agent.rates[EPSILON], 1.0), actions_in(agent, s)
    total = 0.0
    if agent.exploration == EPSILON_GREEDY and not agent.random_ties:
        best, share = best_action(agent, s, actions), epsilon / actions
        for a in range(actions):
            total += ((1.0 - epsilon + share) if a == best else share) * value(agent, s, a)
        return total
    write_preferences(agent, s, actions)
    write_policy(agent, actions)
    for a in range(actions):
        total += ((1.0 - epsilon) * agent.policy[a] + epsilon / actions) * value(agent, s, a)
    return total
