from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from qsweep.environments.grid import Grid
from qsweep.learning.agent.agent import DRAWS, Agent
from qsweep.learning.agent.exploration import argmax, choose, draw, expected_value, sample_action
from qsweep.learning.agent.traces import (
    MIN_TRACE,
    clear_traces,
    decay_traces,
    increment_trace,
    no_traces,
    update_values,
)
from qsweep.learning.agent.values import actions_in, max_value, step_size, update_value, value
from tests.support.handmade import agent, key_for, learner, play
from tests.support.splitmix64 import uniforms

ZERO = np.array([0])
MANY = 4_000
"""Number of draws from which a probability is estimated."""


@pytest.fixture(autouse=True)
def overflowing() -> Any:
    """Ignore numpy's overflow warnings: the products of the draws are meant to overflow."""
    with np.errstate(over="ignore"):
        yield


def frequencies(made: Agent, s: Any = ZERO, draws: int = MANY) -> list[float]:
    """Return the relative frequency of each action in a state."""
    chosen = [choose(made, s) for _ in range(draws)]
    return [chosen.count(a) / draws for a in range(len(made.preferences))]


def assert_frequencies(made: Agent, probabilities: Sequence[float], s: Any = ZERO) -> None:
    """Check that the frequencies of the actions equal their probabilities within five standard errors."""
    for found, p in zip(frequencies(made, s), probabilities, strict=True):
        assert abs(found - p) <= 5 * math.sqrt(p * (1 - p) / MANY), (found, p)


@pytest.mark.parametrize("key", [0, 1, 2**63, 2**64 - 1, 0x9E3779B97F4A7C15])
def test_the_draws_are_the_streams(key: int) -> None:
    """An agent's random numbers are those of its key, in order."""
    made = agent([[0.0]], key=key)
    assert [draw(made) for _ in range(100)] == uniforms(key, 0, 100).tolist()
    assert made.now[DRAWS] == 100


@pytest.mark.parametrize("exploration", ["epsilon_greedy", "softmax", "ucb"])
@pytest.mark.parametrize("random_ties", [False, True])
@pytest.mark.parametrize("epsilon", [0.0, 0.3, 1.0])
def test_a_choice_takes_one_draw(exploration: str, random_ties: bool, epsilon: float) -> None:
    """Every choice takes exactly one draw, so that engines and resumed runs use the same draws."""
    made = agent(
        [[1.0, 2.0, 2.0]], exploration=exploration, parameter=1.0, random_ties=random_ties, epsilon=epsilon
    )
    for n in range(50):
        assert made.now[DRAWS] == n
        assert choose(made, ZERO) in (0, 1, 2)


@pytest.mark.parametrize(
    ("draw_in", "action"),
    [
        ((0.0, 0.1), 0),  # exploring, u < epsilon = 0.3: each third of the range is an action
        ((0.1, 0.2), 1),
        ((0.2, 0.3), 2),
        ((0.3, 1.0), 1),  # the best action
    ],
)
def test_the_action_of_a_draw(draw_in: tuple[float, float], action: int) -> None:
    """A draw below epsilon selects any action, a draw above it the best one."""
    assert choose(agent([[1.0, 2.0, 0.0]], epsilon=0.3, key=key_for([draw_in])), ZERO) == action


@pytest.mark.parametrize(
    ("epsilon", "probabilities"),
    [(0.0, [0, 0, 1, 0]), (0.2, [0.05, 0.05, 0.85, 0.05]), (1.0, [0.25] * 4)],
)
def test_epsilon_greedy(epsilon: float, probabilities: list[float]) -> None:
    """Any action has probability epsilon / 4, and the first best one the rest."""
    assert_frequencies(agent([[1.0, 2.0, 3.0, 3.0]], epsilon=epsilon), probabilities)


@pytest.mark.parametrize(("epsilon", "best"), [(0.0, 1 / 3), (0.3, 0.7 / 3 + 0.3 / 5)])
def test_random_ties(epsilon: float, best: float) -> None:
    """Equally good actions have equal probabilities."""
    made = agent([[3.0, 1.0, 3.0, 2.0, 3.0]], epsilon=epsilon, random_ties=True)
    assert_frequencies(made, [best, epsilon / 5, best, epsilon / 5, best])


def test_random_ties_of_one() -> None:
    """A single best action is always chosen."""
    assert_frequencies(agent([[3.0, 1.0, 3.5]], random_ties=True), [0, 0, 1])


@pytest.mark.parametrize("epsilon", [0.0, 0.25])
@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_softmax(epsilon: float, temperature: float) -> None:
    """Probabilities are proportional to exp(Q / temperature)."""
    q = np.array([1.0, 2.0, 0.0])
    powers = np.exp(q / temperature)
    probabilities = (1 - epsilon) * powers / powers.sum() + epsilon / 3
    made = agent([q], exploration="softmax", parameter=temperature, epsilon=epsilon)
    assert_frequencies(made, probabilities.tolist())


def test_softmax_by_hand() -> None:
    """Values ln 1, ln 2 and ln 5 at temperature 1 have the probabilities 1/8, 2/8 and 5/8."""
    row = [[math.log(1), math.log(2), math.log(5)]]
    edges = [(0.0, 0.12, 0), (0.13, 0.37, 1), (0.38, 1.0, 2)]  # 1/8 = 0.125, 3/8 = 0.375
    for low, high, action in edges:
        made = agent(row, exploration="softmax", parameter=1.0, key=key_for([(low, high)]))
        assert choose(made, ZERO) == action


@pytest.mark.parametrize("q", [[1e300, -1e300, 0.0], [1e308, 1e308, -1e308], [-1e5, -2e5, -3e5]])
@pytest.mark.parametrize("temperature", [1e-300, 1.0])
def test_softmax_does_not_overflow(q: list[float], temperature: float) -> None:
    """With values of extreme difference the best actions have a total probability of 1."""
    ties = q.count(max(q))
    made = agent([q], exploration="softmax", parameter=temperature)
    assert_frequencies(made, [1 / ties if value == max(q) else 0 for value in q])


def test_softmax_at_extreme_temperatures() -> None:
    """Softmax is greedy at a low temperature and uniform at a high one."""
    q = [[1.0, 2.0, 1.5]]
    assert_frequencies(agent(q, exploration="softmax", parameter=1e-3), [0, 1, 0])
    assert_frequencies(agent(q, exploration="softmax", parameter=1e9), [1 / 3] * 3)


def test_ucb_by_hand() -> None:
    """The action with the highest Q + c sqrt(ln N(s) / N(s, a)) is chosen."""
    # N = 10, ln 10 = 2.3026. Bonuses for N(a) = 1, 4, 5: 1.5174, 0.7587, 0.6786, times c.
    visits = [[1, 4, 5]]
    for c, best in ((0.1, 2), (1.0, 2), (2.0, 0)):
        # c = 0.1: 0.15, 1.08, 1.57; c = 1: 1.52, 1.76, 2.18; c = 2: 3.03, 2.52, 2.86
        made = agent([[0.0, 1.0, 1.5]], exploration="ucb", parameter=c, visits=visits)
        assert frequencies(made, draws=10)[best] == 1


def test_ucb_tries_everything_first() -> None:
    """Untried actions are chosen first, in order, each once."""
    made = agent([[5.0, 0.0, -5.0]], exploration="ucb", parameter=0.0)
    order = []
    for _ in range(5):
        action = choose(made, ZERO)
        made.visits[0, action] += 1
        order.append(action)
    assert order == [0, 1, 2, 0, 0]


def test_ucb_with_random_ties() -> None:
    """Untried actions have equal probabilities."""
    made = agent([[5.0, 0.0, -5.0]], exploration="ucb", parameter=1.0, visits=[[1, 0, 0]], random_ties=True)
    assert_frequencies(made, [0, 0.5, 0.5])


def test_ucb_explores_by_epsilon_too() -> None:
    """Epsilon applies in addition to the bonus."""
    made = agent([[0.0, 1.0]], exploration="ucb", parameter=0.0, visits=[[9, 9]], epsilon=0.2)
    assert_frequencies(made, [0.1, 0.9])


def test_ucb_counts_visits() -> None:
    """Each step of an episode counts as a visit of its state and action."""
    made = agent([[0.0, 0.0], [0.0, 0.0]], exploration="ucb", parameter=1.0)
    learning = learner("q_learning", made)
    actions = play(
        learning, 0.0, [(0.0, 1.0, False, False), (0.0, 0.0, False, False), (0.0, 0.0, True, False)]
    )
    # In state 0: action 0 first, as both are untried; on the second visit action 1. In state 1: action 0.
    assert actions == [0, 0, 1, -1]
    assert made.visits.tolist() == [[1, 1], [1, 0]]


def test_visits_are_counted_only_where_they_are_needed() -> None:
    """Epsilon-greedy exploration with a constant step size keeps no visits."""
    made = agent([[0.0, 0.0]])
    play(learner("q_learning", made), 0.0, [(0.0, 0.0, False, False)])
    assert made.visits.size == 0


AVAILABLE = [2, 4, 1]


@pytest.mark.parametrize("exploration", ["epsilon_greedy", "softmax", "ucb"])
@pytest.mark.parametrize("random_ties", [False, True])
def test_unavailable_actions_are_never_chosen(exploration: str, random_ties: bool) -> None:
    """In a state with two actions, only the first two are chosen, as if no others existed."""
    q = [[0.0, 0.0, 9.0, 9.0], [0.0] * 4, [0.0, 9.0, 9.0, 9.0]]
    made = agent(
        q,
        exploration=exploration,
        parameter=1.0,
        random_ties=random_ties,
        epsilon=0.5,
        available=AVAILABLE,
        visits=np.ones((3, 4), np.int64),
    )
    even = random_ties or exploration == "softmax"
    assert_frequencies(made, [0.5, 0.5, 0, 0] if even else [0.75, 0.25, 0, 0], np.array([0]))
    assert_frequencies(made, [0.25] * 4 if even else [0.625, 0.125, 0.125, 0.125], np.array([1]))
    assert_frequencies(made, [1, 0, 0, 0], np.array([2]))
    assert [actions_in(made, np.array([s])) for s in range(3)] == AVAILABLE


def test_values_of_unavailable_actions_do_not_count() -> None:
    """The highest and the expected value of a state ignore unavailable actions."""
    made = agent([[1.0, 3.0, -math.inf], [1.0, 3.0, 50.0]], epsilon=0.5, available=[2, 2])
    for s in (np.array([0]), np.array([1])):
        assert max_value(made, s) == 3.0
        assert expected_value(made, s) == 0.25 * 1.0 + 0.75 * 3.0


@pytest.mark.parametrize(
    ("given", "policy"),
    [
        ({"epsilon": 0.4}, [0.1, 0.7, 0.1, 0.1]),
        ({"epsilon": 0.4, "random_ties": True}, [0.1, 0.4, 0.4, 0.1]),
        ({"epsilon": 1.0}, [0.25] * 4),
        ({"epsilon": 0.0, "exploration": "ucb", "visits": [[1, 3, 3, 0]]}, [0, 0, 0, 1]),
        ({"epsilon": 0.2, "exploration": "ucb", "visits": [[1, 2, 1, 1]]}, [0.05, 0.05, 0.85, 0.05]),
    ],
)
def test_the_expected_value_is_under_the_policy_that_acts(given: dict[str, Any], policy: list[float]) -> None:
    """The expected value weights the values by the agent's own probabilities."""
    q = [1.0, 4.0, 4.0, -2.0]
    made = agent([q], parameter=0.1, **given)
    assert_frequencies(made, policy)
    assert expected_value(made, ZERO) == pytest.approx(np.dot(policy, q), abs=1e-12)


def test_the_expected_value_under_softmax() -> None:
    """Values ln 1 and ln 3 have the probabilities 1/4 and 3/4; epsilon 0.5 brings them to 3/8 and 5/8."""
    made = agent([[0.0, math.log(3)]], epsilon=0.5, exploration="softmax", parameter=1.0)
    assert expected_value(made, ZERO) == pytest.approx(5 / 8 * math.log(3), abs=1e-12)


@pytest.mark.parametrize(
    ("row", "best"), [([1.0, 3.0, 3.0], 1), ([2.0], 0), ([-1.0, -1.0], 0), ([-math.inf, -5.0], 1)]
)
def test_argmax_is_numpys(row: list[float], best: int) -> None:
    """Of equal values the first is the best, as in numpy's argmax."""
    assert argmax(np.array(row), len(row)) == best == int(np.argmax(row))


def test_sampling_from_a_policy() -> None:
    """A number selects the action whose part of [0, 1) contains it, never one of probability 0."""
    policy = np.array([0.0, 0.25, 0.0, 0.75, 0.0])
    assert [sample_action(policy, 5, u) for u in (0.0, 0.2499, 0.25, 0.9999)] == [1, 1, 3, 3]
    assert sample_action(policy, 5, 1.0) == 3  # a rest from rounding belongs to the last action
    assert sample_action(policy, 3, 0.9) == 1


TILES = Grid((0.0,), (4.0,), (2,), tilings=2)
"""Two tilings of three tiles, the second shifted by half a bucket; a bucket is 2 wide."""


def test_values_of_tiles_add_up() -> None:
    """The value of an action is the sum over a state's tiles; an update changes each by its share."""
    # Observation 1 lies at 0.5 buckets: tile 0 of the first tiling, and, at 1.0, tile 1 of the second.
    table = [[1.0, 0.0], [9.0, 9.0], [9.0, 9.0], [9.0, 9.0], [2.0, 5.0], [9.0, 9.0]]
    made = agent(table, alpha=0.5, grid=TILES)
    s = np.array([0, 4])
    assert [value(made, s, a) for a in (0, 1)] == [3.0, 5.0]
    assert max_value(made, s) == 5.0
    update_value(made, s, 0, 4.0)  # alpha of each tile is 0.25: the sum moves by 0.5 * 4
    assert value(made, s, 0) == 5.0
    assert made.q.tolist() == [[2.0, 0.0], *table[1:4], [3.0, 5.0], table[5]]


@pytest.mark.parametrize(("visits", "alpha"), [(0, 0.8), (1, 0.8), (2, 0.4), (4, 0.2)])
def test_a_step_size_decays_with_the_visits(visits: int, alpha: float) -> None:
    """The learning rate is divided by the number of visits, if it is at least one."""
    made = agent([[0.0, 0.0]], alpha=0.8, decaying=True, visits=[[visits, 99]])
    assert step_size(made, 0, 0) == alpha
    assert step_size(agent([[0.0, 0.0]], alpha=0.8), 0, 0) == 0.8


def test_decay_by_visits_gives_averages() -> None:
    """With a learning rate of 1 that decays by visits, a value is the mean of its targets."""
    made = agent([[7.0]], alpha=1.0, gamma=0.0, decaying=True)
    learning = learner("q_learning", made)
    for n, total in ((1, 4.0), (2, 4.0 + 1.0), (3, 4.0 + 1.0 - 11.0)):
        play(learning, 0.0, [({1: 4.0, 2: 1.0, 3: -11.0}[n], 0.0, True, False)])
        assert made.q[0, 0] == pytest.approx(total / n, abs=1e-12)


def nonzero(found: Any) -> dict[tuple[int, int], float]:
    """Return (cell, action) -> trace, for traces that are not 0."""
    return {(int(s), int(a)): float(found.e[s, a]) for s, a in zip(*np.nonzero(found.e), strict=True)}


@pytest.mark.parametrize(("kind", "again"), [("replacing", 1.0), ("accumulating", 1.25)])
def test_traces_by_hand(kind: str, again: float) -> None:
    """A visit sets a trace to 1 or adds 1 to it, and every step multiplies it by gamma lambda."""
    made = agent(np.zeros((3, 2)), alpha=0.5)
    found = no_traces(made.q, gamma=0.5, trace_decay=0.5, traces=kind)
    increment_trace(found, np.array([0]), 1)
    assert nonzero(found) == {(0, 1): 1.0}
    decay_traces(found)
    increment_trace(found, np.array([2]), 0)
    assert nonzero(found) == {(0, 1): 0.25, (2, 0): 1.0}
    increment_trace(found, np.array([0]), 1)
    assert nonzero(found) == {(0, 1): again, (2, 0): 1.0}
    update_values(made, found, 8.0)
    assert made.q.tolist() == [[0.0, 4.0 * again], [0.0, 0.0], [4.0, 0.0]]
    clear_traces(found)
    assert nonzero(found) == {}
    update_values(made, found, 8.0)
    assert made.q[2, 0] == 4.0


def test_every_tile_has_a_trace() -> None:
    """With tilings, all tiles of a state get a trace."""
    found = no_traces(np.zeros((6, 2)), gamma=1.0, trace_decay=0.5, traces="accumulating")
    increment_trace(found, np.array([0, 4]), 1)
    decay_traces(found)
    increment_trace(found, np.array([1, 4]), 1)
    assert nonzero(found) == {(0, 1): 0.5, (1, 1): 1.0, (4, 1): 1.5}


def test_small_traces_are_dropped() -> None:
    """A trace that decays below the minimum is removed, and returns with the next visit."""
    found = no_traces(np.zeros((2, 1)), gamma=1.0, trace_decay=0.1, traces="replacing")
    increment_trace(found, np.array([0]), 0)
    for n in range(1, 10):
        decay_traces(found)
        assert found.n_active[0] == 1, n
    for _ in range(2):
        decay_traces(found)
    assert (found.n_active[0], found.e[0, 0]) == (0, 0.0)
    assert MIN_TRACE == 1e-10
    increment_trace(found, np.array([1]), 0)
    increment_trace(found, np.array([0]), 0)
    assert nonzero(found) == {(0, 0): 1.0, (1, 0): 1.0}


def test_traces_that_do_not_decay() -> None:
    """With gamma lambda = 1 every trace stays, listed once however often its action is visited."""
    found = no_traces(np.zeros((3, 2)), gamma=1.0, trace_decay=1.0, traces="accumulating")
    for s in (0, 1, 0, 2, 0):
        increment_trace(found, np.array([s]), 0)
        decay_traces(found)
    assert nonzero(found) == {(0, 0): 3.0, (1, 0): 1.0, (2, 0): 1.0}
    assert found.n_active[0] == 3
