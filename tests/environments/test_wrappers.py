from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from qsweep.config import Env
from qsweep.environments.description import describe, make
from qsweep.environments.wrappers import MAX_ACTIONS, DiscreteActions, PositionAndDirection, wrapped
from qsweep.errors import Problem, UsageError
from qsweep.learning.training import train
from qsweep.plan.composition import load_config
from tests.support.fixed_spaces import Fixed

Run = Callable[..., CompletedProcess[str]]


def of_actions(box: spaces.Space[Any]) -> gymnasium.Env[Any, Any]:
    """Return an environment with a given action space."""
    return Fixed(observations=spaces.Discrete(2), actions=box)


def problem_of(what: Callable[[], object]) -> Problem:
    """Return the only problem that a call raises."""
    with pytest.raises(UsageError) as caught:
        what()
    [problem] = caught.value.problems
    return problem


def test_actions_are_evenly_spaced_from_the_lowest_to_the_highest() -> None:
    """Five torques of a pendulum that takes -2 to 2 Nm are -2, -1, 0, 1 and 2, in its shape and type."""
    made = DiscreteActions(gymnasium.make("Pendulum-v1"), 5)
    found = [made.action(a) for a in range(5)]
    assert made.action_space == spaces.Discrete(5)
    assert [float(action[0]) for action in found] == [-2.0, -1.0, 0.0, 1.0, 2.0]
    assert {(action.shape, action.dtype) for action in found} == {((1,), np.dtype(np.float32))}


def test_every_combination_of_actions_is_one() -> None:
    """With two dimensions, the last one varies fastest, and actions have the environment's shape."""
    box = spaces.Box(np.array([[0.0, 10.0]]), np.array([[1.0, 30.0]]), dtype=np.float64)
    made = DiscreteActions(of_actions(box), 3)
    assert made.action_space == spaces.Discrete(9)
    expected = [[x, y] for x in (0.0, 0.5, 1.0) for y in (10.0, 20.0, 30.0)]
    assert [made.action(a).tolist() for a in range(9)] == [[pair] for pair in expected]
    assert all(box.contains(made.action(a)) for a in range(9))


@pytest.mark.parametrize(
    ("space", "count", "rule"),
    [
        (spaces.Discrete(3), 5, "needs an environment with a Box action space"),
        (spaces.MultiDiscrete([2, 2]), 5, "needs an environment with a Box action space"),
        (spaces.Box(-np.inf, 1.0, (1,), np.float32), 5, "needs bounded actions"),
        (spaces.Box(-1.0, 1.0, (9,), np.float32), 6, f"must give at most {MAX_ACTIONS:,} actions"),
        (spaces.Box(-1.0, 1.0, (400,), np.float32), 10_000, f"must give at most {MAX_ACTIONS:,} actions"),
    ],
)
def test_actions_that_cannot_be_discretised(space: spaces.Space[Any], count: int, rule: str) -> None:
    """Discrete, unbounded and far too many actions are refused without building them."""
    problem = problem_of(lambda: DiscreteActions(of_actions(space), count))
    assert (problem.key, problem.given) == ("env.actions", count)
    assert problem.rule.startswith(rule)


def test_a_pendulum_is_trained_by_its_torques() -> None:
    """A preset with continuous actions trains on the Gymnasium engine with the given number of actions."""
    for count in (3, 5):
        config = load_config(["env=pendulum", f"env.actions={count}", "episodes=4", "tracking=none"])
        *_, last = train(config)
        assert config.engine == "gymnasium"
        assert last.q_table.shape == (9, 9, 15, count)
        assert last.lengths.tolist() == [200] * 4


def test_a_discretised_action_is_passed_to_the_environment() -> None:
    """Action 4 of 5 makes the same step as the highest torque."""
    one, other = make(Env("Pendulum-v1", actions=5)), gymnasium.make("Pendulum-v1")
    one.reset(seed=3)
    other.reset(seed=3)
    seen, reward, *_ = one.step(4)
    expected, same, *_ = other.step(np.array([2.0], np.float32))
    assert (seen.tolist(), reward) == (expected.tolist(), same)


def test_a_wrapper_is_applied() -> None:
    """MODULE:WRAPPER is imported and called with the environment; discretised actions are outermost."""
    made = make(Env("Pendulum-v1", actions=3, wrapper="gymnasium.wrappers:NormalizeReward"), 50)
    assert isinstance(made, DiscreteActions)
    assert isinstance(made.env, gymnasium.wrappers.NormalizeReward)
    described = describe(Env("MountainCar-v0", wrapper="gymnasium.wrappers:TimeAwareObservation"))
    assert len(described.dimensions) == 3


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_such_module:Mine", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("gymnasium.wrappers:Mine", "AttributeError: module 'gymnasium.wrappers' has no attribute 'Mine'"),
        ("gymnasium.wrappers", "AttributeError"),
        (":Mine", "ValueError: Empty module name"),
        (".relative:Mine", "TypeError"),
        ("math:pi", "TypeError: 'float' object is not callable"),
        ("gymnasium.wrappers:TimeLimit", "TypeError: TimeLimit.__init__() missing"),
        ("builtins:repr", "it returned '<"),
    ],
)
def test_an_invalid_wrapper_is_a_problem(name: str, reason: str) -> None:
    """Any failure of a wrapper is a one-line problem of the key that named it."""
    problem = problem_of(lambda: wrapped(gymnasium.make("MountainCar-v0"), name))
    assert (problem.key, problem.given) == ("env.wrapper", name)
    assert problem.rule == "must be MODULE:WRAPPER, a callable that takes and returns an environment"
    assert problem.remedy.startswith(reason)
    assert "\n" not in str(problem)


def test_a_wrapper_whose_module_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in a user's module is named in the message."""
    (tmp_path / "torn.py").write_text("def wrap(env:\n")
    (tmp_path / "fails.py").write_text("def wrap(env):\n    raise RuntimeError('no\\nanswer')\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name, reason in (("torn:wrap", "SyntaxError"), ("fails:wrap", "RuntimeError: no answer")):
        assert problem_of(lambda name=name: describe(Env(wrapper=name))).remedy.startswith(reason)


MINE = """
import gymnasium

class Slow(gymnasium.ObservationWrapper):
    \"\"\"Shows the position alone.\"\"\"
    def __init__(self, env):
        super().__init__(env)
        box = env.observation_space
        self.observation_space = gymnasium.spaces.Box(box.low[:1], box.high[:1])

    def observation(self, observation):
        return observation[:1]

def quick(env):
    \"\"\"A function that returns an environment serves as well.\"\"\"
    return gymnasium.wrappers.TransformReward(Slow(env), lambda reward: 10 * reward)
"""
SHORT = ["episodes=20", "evaluation.episodes=2", "evaluation.test_episodes=3", "evaluation.checkpoints=2"]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "mean"), [("mine:Slow", -200), ("mine:quick", -2000)])
def test_a_users_wrapper_lies_in_the_current_folder(name: str, mean: int, workdir: Path, qsweep: Run) -> None:
    """A module in the current folder is found in training, evaluation, play and pull."""
    (workdir / "mine.py").write_text(MINE)
    lines = [f"env.wrapper={name}", *SHORT, "buckets=4", "epsilon=constant", "tracking.name=a_run"]
    trained = qsweep("train", *lines)
    assert trained.returncode == 0, trained.stderr
    assert f"mean return {mean:,}" in trained.stdout or f"mean return {mean}" in trained.stdout
    assert qsweep("play", "a_run", "--episodes", "2", "--trust").returncode == 0
    assert qsweep("pull", "a_run", "--out", "pulled", "--trust").returncode == 0
    assert json.loads((workdir / "pulled" / "policy.json").read_text())["wrapper"] == name


@pytest.mark.slow
def test_a_multirun_finds_a_users_wrapper(workdir: Path, qsweep: Run) -> None:
    """The processes of a multirun find the module in the current folder, too."""
    (workdir / "mine.py").write_text(MINE)
    swept = qsweep("train", "-m", "env.wrapper=mine:Slow", *SHORT, "buckets=3,4", "registry.promote=never")
    assert swept.returncode == 0, swept.stderr


def test_the_position_of_a_minigrid_agent() -> None:
    """The observation is the agent's column, row and direction instead of its view."""
    pytest.importorskip("minigrid")
    made = PositionAndDirection(gymnasium.make("minigrid:MiniGrid-Empty-5x5-v0"))
    assert made.observation_space == spaces.MultiDiscrete([5, 5, 4])
    assert made.reset(seed=0)[0].tolist() == [1, 1, 0]  # in the first cell, looking right
    assert made.step(2)[0].tolist() == [2, 1, 0]  # forward
    assert made.step(1)[0].tolist() == [2, 1, 1]  # turned right: looking down
    assert made.step(2)[0].tolist() == [2, 2, 1]


def test_a_minigrid_agents_view_is_computed_if_it_is_read() -> None:
    """A wrapper inside, or the environment itself, may use it; nobody else pays for it."""
    pytest.importorskip("minigrid")
    made, plain = (
        gymnasium.make("minigrid:MiniGrid-Empty-5x5-v0", disable_env_checker=True) for _ in range(2)
    )
    inner: Any = PositionAndDirection(made).env.unwrapped
    inner.reset(seed=0)
    plain.reset(seed=0)
    seen, expected = inner.step(2)[0], plain.step(2)[0]
    assert len(seen) == 0
    assert (seen["image"] == expected["image"]).all()
    assert (seen["mission"], seen["direction"]) == (expected["mission"], expected["direction"])


def test_minigrid_is_learned() -> None:
    """With the preset, more than half of the episodes reach the goal."""
    pytest.importorskip("minigrid")
    config = load_config(["env=minigrid", "episodes=150", "tracking=none"])
    chunks = list(train(config))
    assert chunks[-1].q_table.shape == (5, 5, 4, 7)
    assert np.mean(chunks[-1].returns > 0) > 0.5
