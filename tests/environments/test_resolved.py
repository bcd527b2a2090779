from __future__ import annotations

from dataclasses import replace
from typing import Any, NoReturn

import gymnasium
import numpy as np
import pytest

from qsweep.environments import discretizer
from qsweep.environments.resolved import Resolved
from qsweep.errors import UsageError
from qsweep.learning.training import train, train_blocks
from qsweep.plan.composition import load_config, load_resolved
from qsweep.policies.evaluation.evaluator import Evaluator

SMALL = ["episodes=20", "tracking=none", "evaluation.episodes=3", "evaluation.test_episodes=3"]
RUNS = {
    "its own twin": [],
    "a twin of its tables": ["env=taxi"],
    "no twin": ["env=pendulum", "buckets=4"],
    "engine=gymnasium": ["engine=gymnasium"],
    "learned edges": ["discretizer=quantile", "buckets=[5,6]"],
    "tiles": ["env=cart_pole", "discretizer=tiles", "tilings=2", "buckets=3"],
}


def never(*_: Any, **__: Any) -> NoReturn:
    """Fail: it replaces a function that must not be called."""
    raise AssertionError("computed again")


@pytest.mark.parametrize("lines", RUNS.values(), ids=RUNS)
def test_a_config_is_resolved_again_to_the_same(lines: list[str]) -> None:
    """A config from `load_config` gives the environment, grid and twin that it was resolved with."""
    resolved = load_resolved([*SMALL, *lines])
    assert Resolved.of(load_config([*SMALL, *lines])) == resolved
    assert (resolved.twin is not None) == (resolved.config.engine == "compiled")
    assert resolved.env == resolved.config.env
    assert resolved.shape == (*resolved.grid.shape, resolved.description.actions)


@pytest.mark.parametrize("lines", RUNS.values(), ids=RUNS)
def test_a_config_trains_as_what_was_resolved(lines: list[str]) -> None:
    """`train` gives the same result for a config and for a `Resolved`."""
    resolved = load_resolved([*SMALL, *lines])
    one, other = list(train(resolved)), list(train(resolved.config))
    assert [chunk.q_table.tobytes() for chunk in one] == [chunk.q_table.tobytes() for chunk in other]


def test_a_config_that_is_not_resolved() -> None:
    """A config that is not resolved, or whose grid does not suit its environment, is refused."""
    config = load_config(SMALL)
    with pytest.raises(UsageError, match=r"config: must be resolved: use qsweep\.load_config"):
        Resolved.of(replace(config, engine="auto"))
    with pytest.raises(UsageError, match="buckets: must be one number or a list of 2"):
        train(replace(config, buckets=(1, 2, 3)))


def test_a_changed_run_has_the_same_environment() -> None:
    """Changing other keys keeps environment, grid and twin."""
    resolved = load_resolved([*SMALL, "discretizer=quantile"])
    changed = resolved.changed(seed=7)
    assert changed == load_resolved([*SMALL, "discretizer=quantile", "seed=7"])
    assert changed.grid is resolved.grid


class Counted(gymnasium.Env[Any, int]):
    """An environment of one step that counts its instances."""

    observation_space = gymnasium.spaces.Box(np.float64(0), np.float64(1), (1,), np.float64)
    action_space = gymnasium.spaces.Discrete(2)
    made = 0

    def __init__(self) -> None:
        Counted.made += 1

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        """Start in a random state."""
        super().reset(seed=seed)
        return self.np_random.random(1), {}

    def step(self, action: int) -> Any:
        """End the episode."""
        return self.np_random.random(1), float(action), True, False, {}


def test_nothing_is_computed_twice_for_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolved run is trained and evaluated without describing its environment again."""
    gymnasium.register("Counted-v0", entry_point=Counted)
    try:
        resolved = load_resolved([*SMALL, "env.id=Counted-v0", "discretizer=quantile", "buckets=4"])
    finally:
        looked = Counted.made
    for name in ("grid", "bounded", "learned_edges", "_learned_edges", "_observations"):
        monkeypatch.setattr(discretizer, name, never)
    for module in ("environments.resolved", "plan.resolution"):
        monkeypatch.setattr(f"qsweep.{module}.grid", never)
        monkeypatch.setattr(f"qsweep.{module}.describe", never)
        monkeypatch.setattr(f"qsweep.{module}.twin_of", never)
    evaluator = Evaluator(resolved)
    for _, block in train_blocks([resolved]):
        list(evaluator.receive(block))
    evaluator.result()
    del gymnasium.registry["Counted-v0"]
    assert len(evaluator.scores) == 2
    assert looked == 3  # for its spaces, its random play, and its tables, which it has none of
    assert Counted.made == looked + 1 + len(evaluator.scores) + 2  # trained in, evaluated in
