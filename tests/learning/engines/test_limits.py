from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from qsweep.environments.failures import EnvironmentFailure
from qsweep.environments.resolved import Resolved
from qsweep.environments.twins.tables import twin
from qsweep.learning.engines.limits import divergence, is_good
from qsweep.learning.training import train, train_blocks
from qsweep.plan.resolution import resolve
from qsweep.policies.evaluation.rollouts import roll_out
from tests.support.misbehaving import ID
from tests.support.walks import STATES, walk


def failure_of(run: Resolved) -> str:
    """Return the failure that ends a training."""
    with pytest.raises(EnvironmentFailure) as caught:
        list(train(run))
    return str(caught.value)


@pytest.mark.parametrize("reward", ["nan", "inf", "-inf", "1e200"])
def test_both_engines_name_the_step_of_a_reward_that_is_no_number(reward: str) -> None:
    """The compiled one finds it by training again."""
    places = [
        re.search(r"in episode \d+ \(the first is 0\), at step \d+", failure_of(walk(engine, reward)))
        for engine in ("gymnasium", "compiled")
    ]
    assert None not in places
    assert len({place[0] for place in places if place}) == 1


def test_interleaved_runs_fail_as_one_does() -> None:
    """Of four seeds in one loop, the first that fails is named with its place."""
    runs = [walk("compiled", "nan", seed=seed) for seed in range(4)]
    with pytest.raises(
        EnvironmentFailure, match=r"Walk-v0: step gave a reward .* in episode \d+ .* at step \d+"
    ):
        list(train_blocks(runs))


def test_q_values_have_limits() -> None:
    """Numbers beyond them count as divergence; -inf is allowed where it marks missing actions."""
    run, returns = walk("gymnasium", "0"), np.zeros(1)
    some = replace(run, description=replace(run.description, available=(1,) * STATES))
    for value, good, marked in ((1e149, True, True), (1e151, False, False), (-np.inf, False, True)):
        table = np.array([[0.0, value]])
        assert (is_good(run, returns, table), is_good(some, returns, table)) == (good, marked)
    assert not is_good(run, returns, np.array([[np.nan]]))
    assert not is_good(run, np.array([0.0, np.nan]), np.zeros((1, 1)))
    assert "a Q-value beyond 1e+150" in str(divergence(run))


@pytest.mark.parametrize("engine", ["gymnasium", "compiled"])
def test_an_evaluation_names_the_start_and_the_step(engine: str) -> None:
    """The greedy episode that walks right meets the reward in its third step."""
    table = np.zeros((STATES, 2))
    table[:, 1] = 1.0
    with pytest.raises(
        EnvironmentFailure, match=r"in the greedy episode from seed 7, at step 3; Gymnasium's rule"
    ):
        roll_out(walk(engine, "nan"), table, range(7, 9))


@pytest.mark.parametrize("how", ["exit", "nan", "n", "four values"])
def test_the_place_of_whatever_an_environment_does(how: str) -> None:
    """Episode and step are named, counted from 0 and from 1."""
    env = {"id": ID, "kwargs": {"method": "step", "how": how, "episode": 4, "at": 2}}
    text = failure_of(resolve({"env": env, "episodes": 10}))
    assert text.startswith(f"{ID}: step ")
    assert ", in episode 4 (the first is 0), at step 2; Gymnasium's rule: " in text


def test_tables_that_lead_nowhere_make_no_twin() -> None:
    """A next state that does not exist would be read beyond the tables."""
    for state in (2, -1, 0.5):
        with pytest.raises(ValueError, match="does not exist"):
            twin({0: {0: [(1.0, state, 0.0, False)]}, 1: {0: [(1.0, 0, 0.0, True)]}}, [1.0, 0.0], 1)
