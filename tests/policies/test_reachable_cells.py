"""The cells that training can update."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qsweep.environments.grid import cells_at
from qsweep.environments.twins.mountain_car import TWIN
from qsweep.plan.resolution import resolve
from qsweep.policies.reachable_cells import reachable_cells


def mask(**values: Any) -> Any:
    of = resolve(values)
    return reachable_cells(of.env, of.grid)


def without_bounds(env_id: str) -> dict[str, Any]:
    return {"id": env_id, "low": None, "high": None, "max_steps": 100}


def test_holes_and_the_goal_are_not_updated() -> None:
    """FrozenLake's four holes and its goal."""
    assert np.flatnonzero(~mask(env=without_bounds("FrozenLake-v1"))).tolist() == [5, 7, 11, 12, 15]


def test_walls_are_not_reached() -> None:
    """The maze's seven walls and its goal."""
    assert int((~mask(env=without_bounds("qsweep/DynaMaze-v0"))).sum()) == 8


def test_mountain_car_follows_its_trajectories() -> None:
    """Random and energetic episodes stay within the reachable cells, which leave out two corners."""
    of = resolve({"buckets": 20})
    reachable = reachable_cells(of.env, of.grid)
    assert reachable is not None
    assert 300 < reachable.sum() < 320
    rng, seen = np.random.default_rng(0), []
    states, observations = TWIN.starts(rng, 30)
    for state, observation in zip(states, observations, strict=True):
        for _ in range(200):
            seen.append(observation.copy())
            push = int(rng.integers(3)) if rng.random() < 0.2 else 2 * int(state[1] > 0)
            if TWIN.step(None, TWIN.constants, state, push, observation)[1]:
                break
    visited = np.unique(cells_at(of.grid, np.array(seen)))
    assert reachable[visited].all()
    assert len(visited) > 100
    by_position = reachable.reshape(20, 20)
    assert not by_position[0, 19]  # the wall stops the car, so it leaves it slowly
    assert not by_position[19].any()  # beyond the goal every episode has ended


@pytest.mark.parametrize("changed", [{"id": "CartPole-v1"}, {"kwargs": {"goal_velocity": 0.01}}])
def test_elsewhere_it_is_unknown(changed: dict[str, Any]) -> None:
    """Without tables, and with other arguments, no cell is called out of reach."""
    bounds = [-3.0] * 4, [3.0] * 4
    env = {"low": bounds[0], "high": bounds[1]} if "id" in changed else {}
    assert mask(env={**env, **changed}) is None
