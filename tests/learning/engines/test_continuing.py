"""Training that goes on from a state comes to the same bits; environments that cannot go on are noticed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from qsweep.config import Config
from qsweep.environments.resolved import Resolved
from qsweep.learning.engines import compiled_engine, gymnasium_engine
from qsweep.learning.engines.continuing import keeps_only_its_generator
from qsweep.learning.training import Chunk, State, train
from qsweep.plan.composition import load_config
from tests.learning.test_algorithms import VARIANTS

pytestmark = pytest.mark.slow  # it compiles most loops that there are

MANNERS = {
    "softmax": ["exploration=softmax"],
    "ucb": ["exploration=ucb"],
    "visits": ["learning_rate_schedule=visits", "learning_rate=1", "ties=random"],
    "tiles": ["discretizer=tiles", "buckets=4"],
    "tutorial": ["terminal_rule=tutorial"],
}
PLACES = {
    "car": ["env.max_steps=30", "buckets=6"],
    "pole": ["env=cart_pole", "buckets=4"],
    "lake": ["env=frozen_lake", "env.max_steps=30"],  # its starts and its ice are drawn
}


@pytest.fixture(autouse=True)
def _short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both engines end a chunk, and give a state, after seven episodes, which divide no checkpoint."""
    monkeypatch.setattr(compiled_engine, "LONGEST", 7)
    monkeypatch.setattr(gymnasium_engine, "LONGEST", 7)


def digest(chunks: list[Chunk]) -> dict[int, str]:
    """After how many episodes -> a hash of all that the chunk which ends there holds."""
    found = {}
    for chunk in chunks:
        parts = (chunk.returns, chunk.lengths, chunk.epsilon, chunk.q_table)
        found[chunk.span.end] = sha256(b"".join(part.tobytes() for part in parts)).hexdigest()
    return found


def stored(state: State) -> State:
    """A state as it comes back from a file."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **state)
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def whole(config: Config) -> tuple[dict[int, str], dict[int, State]]:
    """The chunks of a run in one go, and the states that it gave on its way."""
    chunks, states = [], {}
    for chunk in train(config):
        chunks.append(chunk)
        if chunk.state and (state := chunk.state()):
            states[chunk.span.end] = stored(state)
    return digest(chunks), states


def check_goes_on_anywhere(*lines: str) -> None:
    """From each of its states training comes to the same chunks, and gives the same states again."""
    config = load_config(["tracking=none", "episodes=40", "checkpoint_every=10", *lines])
    chunks, states = whole(config)
    assert len(states) >= 5
    for end, state in states.items():
        rest = digest(list(train(config, state)))
        assert rest == {n: said for n, said in chunks.items() if n > end}


@pytest.mark.parametrize("engine", ["compiled", "gymnasium"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_algorithm_goes_on(variant: str, engine: str) -> None:
    """Whatever an algorithm keeps between episodes is in its state."""
    check_goes_on_anywhere(*PLACES["lake"], *VARIANTS[variant], f"engine={engine}")


@pytest.mark.parametrize("engine", ["compiled", "gymnasium"])
@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("place", ["car", "pole"])
def test_every_way_to_explore_and_to_learn_goes_on(place: str, manner: str, engine: str) -> None:
    """Counts of visits, draws of actions, starts of episodes: all go on where they were."""
    check_goes_on_anywhere(*PLACES[place], *MANNERS[manner], f"engine={engine}")


def test_an_environment_with_wrappers_goes_on() -> None:
    """Blackjack's cards are drawn on, though no engine knows their rules."""
    check_goes_on_anywhere("env=blackjack", "engine=gymnasium")


class Keeps(gymnasium.Env[Any, int]):
    """A corridor of five places whose length of step may be drawn, counted or left to chance."""

    observation_space = spaces.Discrete(5)
    action_space = spaces.Discrete(2)
    alive = 0

    def __init__(self, what: str = "nothing") -> None:
        self._what, self._resets = what, 0
        if what == "one of it" and Keeps.alive > 0:
            raise RuntimeError("there is one already")
        Keeps.alive += 1
        self._old = np.random.RandomState(3)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, Any]:
        """To a place: drawn, counted, or drawn by a generator of another kind."""
        super().reset(seed=seed)
        self._resets += 1
        if self._what == "episodes":
            return self._resets % 5, {}
        if self._what == "a generator of its own":
            return int(self._old.randint(5)), {}
        if self._what == "another kind of generator":
            self.np_random = np.random.Generator(np.random.MT19937(1))
        return int(self.np_random.integers(5)), {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Anywhere, or the end."""
        if self._what == "patience" and self._resets > 2:
            raise RuntimeError("had enough")
        return int(self.np_random.integers(5)), -1.0, bool(action), False, {}

    def close(self) -> None:
        """One less."""
        Keeps.alive -= 1


@pytest.fixture(autouse=True, scope="module")
def _registered() -> Iterator[None]:
    """Gymnasium knows the environment above by id."""
    gymnasium.register("Keeps-v0", entry_point=Keeps, max_episode_steps=20)
    yield
    del gymnasium.registry["Keeps-v0"]


def keeping(what: str, episodes: int = 20) -> Config:
    """A run in the environment above."""
    lines = ["env.id=Keeps-v0", f"+env.kwargs.what='{what}'", "env.max_steps=20", f"episodes={episodes}"]
    config = load_config(["tracking=none", *lines])
    Keeps.alive = 0
    return config


def test_an_environment_that_keeps_nothing_goes_on() -> None:
    """One that draws from Gymnasium's generator alone gives states, and they are right."""
    config = keeping("nothing")
    assert keeps_only_its_generator(Resolved.of(config))
    chunks, states = whole(config)
    assert sorted(states) == [7, 10, 17, 20]
    rest = digest(list(train(config, states[10])))
    assert rest == {n: said for n, said in chunks.items() if n > 10}


@pytest.mark.parametrize(
    "what", ["episodes", "a generator of its own", "another kind of generator", "one of it", "patience"]
)
def test_an_environment_that_keeps_more_is_noticed(what: str) -> None:
    """One whose next episode hangs on more than its generator, or that cannot be tried, gives no state."""
    config = keeping(what, 2 if what == "patience" else 20)  # it lasts for two, and no longer
    _, states = whole(config)
    assert states == {}
