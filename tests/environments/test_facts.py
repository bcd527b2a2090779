from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import qsweep.environments.description  # noqa: F401  (registers the textbook's environments)
from qsweep.environments.facts import KNOWN, Facts, action_names, dimension_names, facts

MADE = sorted(set(KNOWN) - {"LunarLander-v3"})  # which needs Box2D


@pytest.mark.parametrize("env_id", MADE)
def test_facts_fit_the_environments(env_id: str) -> None:
    """Either all actions, dimensions and values have names, or none."""
    known, made = facts(env_id), gymnasium.make(env_id)
    actions: Any = made.action_space
    seen: Any = made.observation_space
    parts = seen.spaces if isinstance(seen, spaces.Tuple) else np.ravel(getattr(seen, "low", seen))
    if known.control:
        assert (actions.low, actions.high) == ([known.control[1]], [known.control[2]])
    else:
        assert len(known.actions) == actions.n
    assert len(known.dimensions) in (0, len(parts))
    for name, part in zip(known.dimensions, parts, strict=False):
        assert len(name.values) in (0, getattr(part, "n", 0)), name


@pytest.mark.parametrize("env_id", [env_id for env_id, known in KNOWN.items() if known.each_step_costs_one])
def test_each_step_costs_one(env_id: str) -> None:
    """A return is minus the number of steps of its episode."""
    made = gymnasium.make(env_id)
    made.reset(seed=0)
    made.action_space.seed(0)
    assert {made.step(made.action_space.sample())[1] for _ in range(100)} == {-1.0}


def test_the_solved_line_is_gymnasiums() -> None:
    """The solved return is Gymnasium's threshold; without one, or for an unknown id, it is None."""
    assert facts("MountainCar-v0").solved == -110
    assert facts("Blackjack-v1").solved is None
    assert facts("Nobodys-v0") == Facts()


def test_without_names_there_are_numbers() -> None:
    """Unknown environments, and known ones with another number of actions, have numbers instead."""
    assert action_names("Nobodys-v0", 3, 5) == ("action 5", "action 6", "action 7")
    assert action_names("MountainCar-v0", 5) == tuple(f"action {n}" for n in range(5))
    assert action_names("Pendulum-v1", 3) == ("torque -2", "torque +0", "torque +2")
    assert [str(name) for name in dimension_names("CartPole-v1", 2)] == ["dimension 0", "dimension 1"]
    assert str(dimension_names("CartPole-v1", 4)[0]) == "cart position (m)"
