"""Double Q-learning: two Q-tables; one selects the best action, the other gives its value.

This removes the bias of a maximum over noisy values. The agent acts on the mean of both tables, and the
mean is recorded. Van Hasselt (2010); Sutton and Barto (2018), section 6.7, equation 6.10.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from qsweep.learning.agent.agent import Agent, Step
from qsweep.learning.agent.exploration import draw
from qsweep.learning.agent.values import actions_in, step_size
from qsweep.learning.algorithms import Basis
from qsweep.system.arrays import Floats


class TwoTables(NamedTuple):
    """The tables q1 and q2, float64[cells, actions]; the agent's own table is their mean."""

    q1: Floats
    q2: Floats


def memory(basis: Basis) -> TwoTables:
    """Return the agent's initial table and a second one; the agent's own becomes their mean."""
    q1, q2 = basis.q.copy(), basis.another_table()
    basis.q[:] = (q1 + q2) / 2
    return TwoTables(q1, q2)


def td_error(q: float, r: float, gamma: float, q_next: float) -> float:
    """Return R + gamma Q2(S', argmax_a Q1(S', a)) - Q1(S, A).

    q: Q1(S, A). q_next: the value by Q2, 0 after termination.
    """
    return r + gamma * q_next - q


def _value(q: Floats, s: Any, a: int) -> float:
    total: float = q[s[0], a]
    for i in range(1, len(s)):
        total += q[s[i], a]
    return total


def _best(q: Floats, s: Any, actions: int, u: float, random_ties: bool) -> int:
    """Return the best action by a table; u, uniform in [0, 1), breaks ties if they are broken at random."""
    highest, ties = -np.inf, 0
    for a in range(actions):
        found = _value(q, s, a)
        ties = ties + 1 if found == highest else 1 if found > highest else ties
        highest = max(highest, found)
    skipped = int(u * ties) if random_ties else 0
    for a in range(actions):
        if _value(q, s, a) == highest:
            if skipped == 0:
                return a
            skipped -= 1
    return 0


def learn(agent: Agent, memory: TwoTables, step: Step) -> None:
    """Update one of the tables, each with probability 1/2."""
    s, a = step.s, step.a
    u = draw(agent)
    first = u < 0.5
    q = memory.q1 if first else memory.q2
    other = memory.q2 if first else memory.q1
    q_next = 0.0
    if not step.terminated:
        rest = 2.0 * u if first else 2.0 * u - 1.0  # uniform in [0, 1), independent of the choice above
        best = _best(q, step.s_next, actions_in(agent, step.s_next), rest, agent.random_ties)
        q_next = _value(other, step.s_next, best)
    delta = td_error(_value(q, s, a), step.r, agent.gamma, q_next)
    for i in range(len(s)):
        q[s[i], a] += step_size(agent, s[i], a) * delta
        agent.q[s[i], a] = (memory.q1[s[i], a] + memory.q2[s[i], a]) / 2
