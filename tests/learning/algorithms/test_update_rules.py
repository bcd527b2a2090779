from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qsweep.environments.grid import Grid
from qsweep.learning import algorithms
from qsweep.learning.agent.agent import ALPHA
from qsweep.learning.algorithms import NAMES, algorithm
from qsweep.learning.engines.learner import Learner
from qsweep.plan.conf import conf_folder
from tests.support.handmade import Interval, Outcome, agent, key_for, learner, play

Q = [[1.0, 0.0], [0.0, 2.0], [8.0, 4.0]]
"""The initial Q-table of the chain: three states, two actions. Alpha and gamma are always 0.5."""

Table = list[list[float]]


@dataclass(frozen=True)
class Chain:
    """An episode in the chain, from state 0, with the Q-table after each step computed by hand.

    draws: the intervals of the random draws; actions: the actions that they select. steps: all steps but the
    last. terminated, truncated: the last step of either kind. Each step comes with the Q-table after it.
    """

    algorithm: str
    draws: Sequence[Interval]
    actions: list[int]
    steps: list[tuple[Outcome, Table]]
    terminated: tuple[float, Table]
    truncated: tuple[float, float, Table]
    epsilon: float = 1.0
    given: dict[str, Any] = field(default_factory=dict)
    second: Table | None = None

    def learner(self) -> Learner:
        """Return the learner of this episode."""
        made = agent(Q, epsilon=self.epsilon, key=key_for(self.draws))
        return learner(self.algorithm, made, second=self.second, **self.given)


ZERO, ONE = (0.0, 0.5), (0.5, 1.0)
"""Draws that select action 0 and action 1 while always exploring, or the first and the second table."""
ANY = (0.0, 1.0)


def going(r: float, s: int) -> Outcome:
    """Return the outcome of a step that does not end the episode."""
    return (r, float(s), False, False)


CHAINS = {
    # 0 -0-> 1 (r = 4) -0-> 2 (r = -2) -1-> end (r = 6), or, cut short, -1-> 0 (r = 6)
    "q_learning": Chain(
        "q_learning",
        [ZERO, ZERO, ONE],
        [0, 0, 1],
        [
            (going(4, 1), [[3, 0], [0, 2], [8, 4]]),  # 1 + (4 + max(0, 2) / 2 - 1) / 2
            (going(-2, 2), [[3, 0], [1, 2], [8, 4]]),  # 0 + (-2 + max(8, 4) / 2 - 0) / 2
        ],
        (6, [[3, 0], [1, 2], [8, 5]]),  # 4 + (6 - 4) / 2
        (6, 0, [[3, 0], [1, 2], [8, 5.75]]),  # 4 + (6 + max(3, 0) / 2 - 4) / 2
    ),
    "sarsa": Chain(
        "sarsa",
        [ZERO, ZERO, ONE, ZERO],
        [0, 0, 1],
        [
            (going(4, 1), [[2.5, 0], [0, 2], [8, 4]]),  # next 0: 1 + (4 + 0 / 2 - 1) / 2
            (going(-2, 2), [[2.5, 0], [0, 2], [8, 4]]),  # next 1: 0 + (-2 + 4 / 2 - 0) / 2
        ],
        (6, [[2.5, 0], [0, 2], [8, 5]]),
        (6, 0, [[2.5, 0], [0, 2], [8, 5.625]]),  # next 0: 4 + (6 + 2.5 / 2 - 4) / 2
    ),
    # epsilon is 0.5: the better action has probability 3/4. Draws below 1/4: 0, to 1/2: 1, above: greedy.
    "expected_sarsa": Chain(
        "expected_sarsa",
        [(0.0, 0.25), (0.0, 0.25), (0.25, 0.5)],
        [0, 0, 1],
        [
            (going(4, 1), [[2.875, 0], [0, 2], [8, 4]]),  # 1 + (4 + (0 / 4 + 3 * 2 / 4) / 2 - 1) / 2
            (going(-2, 2), [[2.875, 0], [0.75, 2], [8, 4]]),  # 0 + (-2 + (3 * 8 / 4 + 4 / 4) / 2 - 0) / 2
        ],
        (6, [[2.875, 0], [0.75, 2], [8, 5]]),
        (6, 0, [[2.875, 0], [0.75, 2], [8, 5.5390625]]),  # 4 + (6 + (3 * 2.875 / 4 + 0 / 4) / 2 - 4) / 2
        epsilon=0.5,
    ),
    # The tables are the means of Q1, initially Q, and Q2. Draws: action, table, action, table, ...
    "double_q_learning": Chain(
        "double_q_learning",
        [ZERO, ZERO, ZERO, ONE, ONE, ZERO],
        [0, 0, 1],
        [
            # First: Q1's best in 1 is action 1, worth 0 to Q2: Q1(0, 0) = 1 + (4 + 0 / 2 - 1) / 2 = 2.5
            (going(4, 1), [[2.75, 0], [2, 1], [5, 5]]),
            # Second: Q2's best in 2 is action 1, worth 4 to Q1: Q2(1, 0) = 4 + (-2 + 4 / 2 - 4) / 2 = 2
            (going(-2, 2), [[2.75, 0], [1, 1], [5, 5]]),
        ],
        (6, [[2.75, 0], [1, 1], [5, 5.5]]),  # first: Q1(2, 1) = 4 + (6 - 4) / 2 = 5
        # First: Q1's best in 0 is action 0, worth 3 to Q2: Q1(2, 1) = 4 + (6 + 3 / 2 - 4) / 2 = 5.75
        (6, 0, [[2.75, 0], [1, 1], [5, 5.875]]),
        second=[[3, 0], [4, 0], [2, 6]],
    ),
    "n_step_sarsa": Chain(
        "n_step_sarsa",
        [ZERO, ZERO, ONE, ZERO],
        [0, 0, 1],
        [
            (going(4, 1), Q),
            (going(-2, 2), [[2.5, 0], [0, 2], [8, 4]]),  # G = 4 - 2 / 2 + 4 / 4 = 4; 1 + (4 - 1) / 2
        ],
        (6, [[2.5, 0], [0.5, 2], [8, 5]]),  # G = -2 + 6 / 2 = 1, then G = 6
        # next 0: G = -2 + 6 / 2 + 2.5 / 4 = 1.625, then G = 6 + 2.5 / 2 = 7.25
        (6, 0, [[2.5, 0], [0.8125, 2], [8, 5.625]]),
        given={"n": 2},
    ),
    "n_step_sarsa beyond the episode": Chain(
        "n_step_sarsa",
        [ZERO, ZERO, ONE, ZERO],
        [0, 0, 1],
        [(going(4, 1), Q), (going(-2, 2), Q)],
        (6, [[2.75, 0], [0.5, 2], [8, 5]]),  # G = 4 - 2 / 2 + 6 / 4 = 4.5, then -2 + 6 / 2 = 1, then 6
        # next 0: G = 4.5 + 1 / 8 -> 2.8125; G = 1 + 2.8125 / 4 = 1.703125; G = 6 + 2.8125 / 2 = 7.40625
        (6, 0, [[2.8125, 0], [0.8515625, 2], [8, 5.703125]]),
        given={"n": 5},
    ),
    # 0 -0-> 1 (r = 4) -0-> 0 (r = -2) -0-> end (r = 6), or, cut short, -0-> 2 (r = 6)
    "monte_carlo": Chain(
        "monte_carlo",
        [ZERO, ZERO, ZERO, ONE],
        [0, 0, 0],
        [(going(4, 1), Q), (going(-2, 0), Q)],
        # G after the first visit of 0 is 4 - 2 / 2 + 6 / 4 = 4.5, of 1 it is -2 + 6 / 2 = 1
        (6, [[2.75, 0], [0.5, 2], [8, 4]]),
        # next 1: the last return is 6 + 4 / 2 = 8, so G = 4 - 2 / 2 + 8 / 4 = 5 and -2 + 8 / 2 = 2
        (6, 2, [[3, 0], [1, 2], [8, 4]]),
    ),
    # Traces decay by gamma lambda = 1/4.
    "sarsa_lambda": Chain(
        "sarsa_lambda",
        [ZERO, ZERO, ZERO, ONE],
        [0, 0, 0],
        [
            (going(4, 1), [[2.5, 0], [0, 2], [8, 4]]),  # delta = 4 + 0 / 2 - 1 = 3
            # delta = -2 + 2.5 / 2 - 0 = -0.75: 2.5 - 0.375 / 4 and 0 - 0.375
            (going(-2, 0), [[2.40625, 0], [-0.375, 2], [8, 4]]),
        ],
        # delta = 6 - 2.40625 = 3.59375; the trace of 0 is 1 again, of 1 it is 1/4
        (6, [[4.203125, 0], [0.07421875, 2], [8, 4]]),
        # next 1: delta = 6 + 4 / 2 - 2.40625 = 5.59375
        (6, 2, [[5.203125, 0], [0.32421875, 2], [8, 4]]),
        given={"trace_decay": 0.5, "traces": "replacing"},
    ),
    "sarsa_lambda with accumulating traces": Chain(
        "sarsa_lambda",
        [ZERO, ZERO, ZERO, ONE],
        [0, 0, 0],
        [
            (going(4, 1), [[2.5, 0], [0, 2], [8, 4]]),
            (going(-2, 0), [[2.40625, 0], [-0.375, 2], [8, 4]]),
        ],
        # as above, but the trace of 0 is 1 + 1/16: 2.40625 + 3.59375 * 1.0625 / 2
        (6, [[4.3154296875, 0], [0.07421875, 2], [8, 4]]),
        (6, 2, [[5.3779296875, 0], [0.32421875, 2], [8, 4]]),
        given={"trace_decay": 0.5, "traces": "accumulating"},
    ),
    # 0 -0-> 1 (r = 4) -1-> 0 (r = -2) -1-> 2 (r = 6) -0-> end (r = 1), or, cut short, -0-> 1 (r = 1)
    "q_lambda": Chain(
        "q_lambda",
        [ZERO, ONE, ONE, ZERO],
        [0, 1, 1, 0],
        [
            (going(4, 1), [[3, 0], [0, 2], [8, 4]]),  # delta = 4 + 2 / 2 - 1 = 4
            # delta = -2 + 3 / 2 - 2 = -2.5: 3 - 1.25 / 4 and 2 - 1.25
            (going(-2, 0), [[2.6875, 0], [0, 0.75], [8, 4]]),
            # action 1 is not greedy, which cuts the traces before it: delta = 6 + 8 / 2 - 0 = 10
            (going(6, 2), [[2.6875, 5], [0, 0.75], [8, 4]]),
        ],
        (1, [[2.6875, 4.125], [0, 0.75], [4.5, 4]]),  # greedy: delta = 1 - 8 = -7: 5 - 3.5 / 4
        # delta = 1 + 0.75 / 2 - 8 = -6.625: 5 - 3.3125 / 4 and 8 - 3.3125
        (1, 1, [[2.6875, 4.171875], [0, 0.75], [4.6875, 4]]),
        given={"trace_decay": 0.5, "traces": "accumulating"},
    ),
    # As q_learning's, with a planning step after each, for which two draws select a state and an action.
    "dyna_q": Chain(
        "dyna_q",
        [ZERO, ANY, ANY, ZERO, ZERO, ANY, ONE, (0.67, 1.0), ANY],
        [0, 0, 1],
        [
            (going(4, 1), [[4, 0], [0, 2], [8, 4]]),  # 3 as in Q-learning, then 3 + (4 + 2 / 2 - 3) / 2
            # 1 as in Q-learning, then 0 again: 4 + (4 + 2 / 2 - 4) / 2
            (going(-2, 2), [[4.5, 0], [1, 2], [8, 4]]),
        ],
        (6, [[4.5, 0], [1, 2], [8, 5.5]]),  # 5, then from state 2: 5 + (6 - 5) / 2
        # 4 + (6 + 4.5 / 2 - 4) / 2 = 6.125, then 6.125 + (6 + 4.5 / 2 - 6.125) / 2
        (6, 0, [[4.5, 0], [1, 2], [8, 7.1875]]),
        given={"planning_steps": 1},
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_every_step_is_as_computed_by_hand(name: str) -> None:
    """After every step of an episode, the Q-table has the values computed by hand, bit for bit."""
    chain = CHAINS[name]
    for done in range(len(chain.steps) + 1):
        made = chain.learner()
        actions = play(made, 0.0, [seen for seen, _ in chain.steps[:done]])
        expected = chain.steps[done - 1][1] if done else made.agent.q.tolist()
        assert (actions, made.agent.q.tolist()) == (chain.actions[: done + 1], expected), done


@pytest.mark.parametrize("name", CHAINS)
def test_after_termination_only_the_reward_counts(name: str) -> None:
    """The step that terminates an episode does not bootstrap, whatever was observed."""
    chain = CHAINS[name]
    r, table = chain.terminated
    for observation in (0.0, 1.0, 2.0):
        made = chain.learner()
        actions = play(made, 0.0, [*(seen for seen, _ in chain.steps), (r, observation, True, False)])
        assert (actions, made.agent.q.tolist()) == ([*chain.actions, -1], table)


@pytest.mark.parametrize("name", CHAINS)
def test_after_truncation_the_value_of_the_next_state_counts(name: str) -> None:
    """The step that truncates an episode bootstraps as any other step does."""
    chain = CHAINS[name]
    r, s, table = chain.truncated
    made = chain.learner()
    actions = play(made, 0.0, [*(seen for seen, _ in chain.steps), (r, float(s), False, True)])
    assert (actions, made.agent.q.tolist()) == ([*chain.actions, -1], table)


@pytest.mark.parametrize("name", CHAINS)
def test_an_episode_starts_with_an_empty_memory(name: str) -> None:
    """A reward does not change the values of steps in earlier episodes."""
    chain = CHAINS[name]
    made = chain.learner()
    play(made, 0.0, [*(seen for seen, _ in chain.steps), (chain.terminated[0], 0.0, True, False)])
    before, alpha = made.agent.q.copy(), made.agent.rates[ALPHA]
    actions = play(made, 1.0, [(-100.0, 0.0, True, False)])
    changed = np.argwhere(made.agent.q != before).tolist()
    own = [1, actions[0]]
    # Planning also updates remembered steps of earlier episodes, by design.
    assert own in changed if chain.algorithm == "dyna_q" else changed == [own]
    if chain.algorithm not in ("dyna_q", "double_q_learning"):
        old = before[*own]
        assert made.agent.q[*own] == old + alpha * (-100.0 - old)


@given(*[st.floats(-1e3, 1e3)] * 2, st.floats(0, 1), st.floats(-1e3, 1e3))
def test_td_errors(q: float, r: float, gamma: float, next_value: float) -> None:
    """The TD error of every algorithm is the reward plus the discounted next value, minus the value."""
    modules = [import_module(f"qsweep.learning.algorithms.{name}") for name in NAMES]
    errors = [module.td_error for module in modules if hasattr(module, "td_error")]
    assert errors
    for td_error in errors:
        assert td_error(q, r, gamma, next_value) == pytest.approx(r + gamma * next_value - q, abs=1e-9)
        assert td_error(q, r, gamma, 0.0) == r - q


def test_the_tutorials_terminal_rule() -> None:
    """Under the tutorial's rule, the value of the last action before termination is 0 for any reward."""
    made = learner("q_learning", agent(Q), tutorial=True)
    play(made, 0.0, [going(4, 2), (-1.0, 1.0, True, False)])
    # 1 + (4 + 8 / 2 - 1) / 2 = 4.5; then action 0 of state 2
    assert made.agent.q.tolist() == [[4.5, 0], [0, 2], [0, 4]]


def test_dyna_q_remembers_the_latest_outcome() -> None:
    """A pair with several outcomes is planned with its latest one."""
    made = learner("dyna_q", agent(Q, key=key_for([ANY, ANY, ANY, ANY, ANY, ANY])), planning_steps=1)
    play(made, 0.0, [(4.0, 1.0, True, False)])
    # 1 + (4 - 1) / 2 = 2.5, planned 2.5 + (4 - 2.5) / 2
    assert made.agent.q[0, 0] == 3.25
    play(made, 0.0, [(-2.0, 2.0, False, True)])
    # 3.25 + (-2 + 8 / 2 - 3.25) / 2 = 2.625, planned 2.625 + (-2 + 8 / 2 - 2.625) / 2
    assert made.agent.q[0, 0] == 2.3125


def test_dyna_q_plans_states_first_and_then_their_actions() -> None:
    """Planning selects a visited state uniformly, then one of the actions taken there."""
    # Two actions were taken in state 0, one in state 1; each state is planned half of the time.
    made = learner("dyna_q", agent(np.zeros((2, 2)), epsilon=1.0, alpha=1.0), planning_steps=0)
    draws = [ZERO, ONE, ZERO]
    made = learner("dyna_q", agent(np.zeros((2, 2)), epsilon=1.0, key=key_for(draws)), planning_steps=0)
    for observation, r in ((0.0, 1.0), (0.0, 1.0), (1.0, 1.0)):
        play(made, observation, [(r, 0.0, True, False)])
    assert made.agent.q.tolist() == [[0.5, 0.5], [0.5, 0]]
    planned = import_module("qsweep.learning.algorithms.dyna_q")._plan
    counts = np.zeros((2, 2))
    with np.errstate(over="ignore"):
        for _ in range(4000):
            before = made.agent.q.copy()
            planned(made.agent, made.memory)
            counts += made.agent.q != before
            made.agent.q[:] = before
    assert counts / 4000 == pytest.approx(np.array([[0.25, 0.25], [0.5, 0]]), abs=0.04)


def test_monte_carlo_averages_the_returns_of_first_visits() -> None:
    """With a step size of 1 / visits, a value is the mean of the returns after its first visits."""
    made = learner("monte_carlo", agent([[99.0], [99.0]], alpha=1.0, gamma=1.0, decaying=True))
    # State 0 three times in the first episode, whose return is 6; the second episode's is -2.
    play(made, 0.0, [going(1, 0), going(2, 0), (3.0, 0.0, True, False)])
    assert made.agent.q.tolist() == [[6.0], [99.0]]
    play(made, 1.0, [going(-4, 0), (2.0, 0.0, True, False)])
    assert made.agent.q.tolist() == [[(6.0 + 2.0) / 2], [-2.0]]
    play(made, 0.0, [going(1, 1), going(0, 0), (3.0, 0.0, True, False)])
    assert made.agent.q.tolist() == [[(6.0 + 2.0 + 4.0) / 3], [(-2.0 + 3.0) / 2]]


def test_monte_carlo_stores_the_longest_episode() -> None:
    """All steps of an episode as long as the step limit are learned from."""
    made = learner("monte_carlo", agent(np.zeros((3, 1)), alpha=1.0, gamma=1.0), max_steps=200)
    play(made, 0.0, [*[going(1, 1)] * 199, (1.0, 2.0, False, True)])
    assert made.agent.q.tolist() == [[200.0], [199.0], [0.0]]


def test_double_q_learning_begins_with_the_mean_of_its_tables() -> None:
    """The agent's initial table is the mean of the two tables."""
    made = learner("double_q_learning", agent(Q), second=[[3, 0], [4, 0], [2, 6]])
    assert made.agent.q.tolist() == [[2, 0], [2, 1], [5, 5]]


def test_double_q_learning_with_tiles() -> None:
    """The action is selected by sums over tiles of one table, and valued by sums over the other's."""
    grid = Grid((0.0,), (4.0,), (2,), tilings=2)
    # Observation 0 lies in tiles 0 and 3, observation 2 (one bucket) in 1 and 4.
    first = [[1, 0], [0, 2], [0, 0], [1, 0], [3, 0], [0, 0]]
    second = [[0, 0], [5, 1], [0, 0], [0, 0], [5, 2], [0, 0]]
    made = agent(first, epsilon=1.0, grid=grid, key=key_for([ZERO, ZERO]))
    algorithms = learner("double_q_learning", made, second=second)
    play(algorithms, 0.0, [(4.0, 2.0, False, True)])
    # Q1 in 2: 0 + 3 against 2 + 0, so action 0, worth 5 + 5 to Q2. Q1(0, 0) = 2 + (4 + 10 / 2 - 2) / 2 = 5.5,
    # half of the 3.5 in each tile; the mean is half of Q1 as Q2 is 0 there.
    assert algorithms.memory.q1[[0, 3], 0].tolist() == [2.75, 2.75]
    assert made.q[[0, 3], 0].tolist() == [1.375, 1.375]


def tiled(name: str, **given: Any) -> list[float]:
    """Return the values of both tiles of both states, after two steps on two tilings."""
    grid = Grid((0.0,), (4.0,), (2,), tilings=2)
    made = agent(np.zeros((6, 1)), grid=grid)
    made.q[[1, 4], 0] = [3.0, 5.0]
    play(learner(name, made, **given), 0.0, [(4.0, 2.0, False, False), (1.0, 4.0, True, False)])
    return [float(q) for q in made.q[[0, 3, 1, 4], 0]]


def test_tiles_share_what_is_learned() -> None:
    """With tilings, values are sums, and each tile changes by its part of alpha times the TD error."""
    # Q(0) = 0 + (4 + 8 / 2 - 0) / 2 = 4: 2 in each tile. Q(2) = 8 + (1 - 8) / 2 = 4.5: -1.75 in each tile.
    expected = [2.0, 2.0, 1.25, 3.25]
    for name in ("q_learning", "sarsa", "expected_sarsa"):
        assert tiled(name) == expected, name
    assert tiled("n_step_sarsa", n=1) == expected
    # Two steps: G = 4 + 1 / 2 = 4.5, so 1.125 in each tile.
    assert tiled("n_step_sarsa", n=2) == [1.125, 1.125, 1.25, 3.25]
    # Traces: the first step's tiles take a quarter of the second's -1.75 each.
    for name in ("sarsa_lambda", "q_lambda"):
        values = tiled(name, trace_decay=0.5, traces="replacing")
        assert values == [2.0 - 1.75 / 4, 2.0 - 1.75 / 4, 1.25, 3.25], name


@pytest.mark.parametrize("name", NAMES)
def test_an_algorithm_is_one_module_and_one_preset(name: str) -> None:
    """Each has a docstring with its source, a preset with its hyperparameters, and a learning step."""
    found = algorithm(name)
    module = import_module(f"qsweep.learning.algorithms.{name}")
    assert module.__doc__
    assert any(char.isdigit() for char in module.__doc__), "no year"
    preset = (conf_folder() / "algorithm" / f"{name}.yaml").read_text()
    assert all(f"\n{key}:" in preset for key in found.hyperparameters)
    assert found.name == name
    assert callable(found.learn)


def test_the_names_are_the_modules() -> None:
    """All modules of the package are algorithms, and each has a chain above."""
    folder = Path(algorithms.__file__).parent
    assert set(NAMES) == {file.stem for file in folder.glob("*.py")} - {"__init__"}
    assert set(NAMES) == {chain.algorithm for chain in CHAINS.values()}
    with pytest.raises(ModuleNotFoundError):
        algorithm("none_of_them")
