"""Resumed training gives the same results bit for bit; environments that cannot be resumed are detected."""

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
from qsweep.learning.engines.continuing import is_resumable
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
    """Let both engines end a chunk, with a state, after 7 episodes, a number that divides no checkpoint."""
    monkeypatch.setattr(compiled_engine, "MAX_EPISODES", 7)
    monkeypatch.setattr(gymnasium_engine, "MAX_EPISODES", 7)


def digest(chunks: list[Chunk]) -> dict[int, str]:
    """Return number of episodes at a chunk's end -> hash of the chunk's arrays."""
    found = {}
    for chunk in chunks:
        parts = (chunk.returns, chunk.lengths, chunk.epsilon, chunk.q_table)
        found[chunk.span.end] = sha256(b"".join(part.tobytes() for part in parts)).hexdigest()
    return found


def stored(state: State) -> State:
    """Return a state after writing it to a file and reading it back."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **state)
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def uninterrupted(config: Config) -> tuple[dict[int, str], dict[int, State]]:
    """Return the hashes of the chunks of a run, and its states."""
    chunks, states = [], {}
    for chunk in train(config):
        chunks.append(chunk)
        if chunk.state and (state := chunk.state()):
            states[chunk.span.end] = stored(state)
    return digest(chunks), states


def check_resumes_from_every_state(*lines: str) -> None:
    """Check that training resumed from each of its states gives the same chunks."""
    config = load_config(["tracking=none", "episodes=40", "checkpoint_every=10", *lines])
    chunks, states = uninterrupted(config)
    assert len(states) >= 5
    for end, state in states.items():
        rest = digest(list(train(config, state)))
        assert rest == {n: chunk for n, chunk in chunks.items() if n > end}


@pytest.mark.parametrize("engine", ["compiled", "gymnasium"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_algorithm_is_resumed(variant: str, engine: str) -> None:
    """Everything that an algorithm keeps between episodes is in its state."""
    check_resumes_from_every_state(*PLACES["lake"], *VARIANTS[variant], f"engine={engine}")


@pytest.mark.parametrize("engine", ["compiled", "gymnasium"])
@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("place", ["car", "pole"])
def test_every_way_to_explore_and_to_learn_is_resumed(place: str, manner: str, engine: str) -> None:
    """Counts of visits, draws of actions and starts of episodes are resumed."""
    check_resumes_from_every_state(*PLACES[place], *MANNERS[manner], f"engine={engine}")


@pytest.mark.parametrize("engine", ["compiled", "gymnasium"])
def test_draws_of_cards_are_resumed(engine: str) -> None:
    """A card is drawn from half of 64 random bits; the other half is kept for the next one."""
    check_resumes_from_every_state("env=blackjack", f"engine={engine}")


class Keeps(gymnasium.Env[Any, int]):
    """An environment of five random states that keeps `what` from one episode to the next."""

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
        """Start in a state that is drawn by one of several generators, or counted."""
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
        """Move to a random state; action 1 ends the episode."""
        if self._what == "patience" and self._resets > 2:
            raise RuntimeError("had enough")
        return int(self.np_random.integers(5)), -1.0, bool(action), False, {}

    def close(self) -> None:
        """Count one environment less."""
        Keeps.alive -= 1


@pytest.fixture(autouse=True, scope="module")
def _registered() -> Iterator[None]:
    """Register the environment above."""
    gymnasium.register("Keeps-v0", entry_point=Keeps, max_episode_steps=20)
    yield
    del gymnasium.registry["Keeps-v0"]


def keeping(what: str, episodes: int = 20) -> Config:
    """Return the config of a run in the environment above."""
    lines = ["env.id=Keeps-v0", f"+env.kwargs.what='{what}'", "env.max_steps=20", f"episodes={episodes}"]
    config = load_config(["tracking=none", *lines])
    Keeps.alive = 0
    return config


def test_an_environment_that_keeps_nothing_is_resumed() -> None:
    """An environment that draws only from Gymnasium's generator gives states, and resumes from them."""
    config = keeping("nothing")
    assert is_resumable(Resolved.of(config))
    chunks, states = uninterrupted(config)
    assert sorted(states) == [7, 10, 17, 20]
    rest = digest(list(train(config, states[10])))
    assert rest == {n: chunk for n, chunk in chunks.items() if n > 10}


@pytest.mark.parametrize(
    "what", ["episodes", "a generator of its own", "another kind of generator", "one of it", "patience"]
)
def test_an_environment_that_keeps_more_is_detected(what: str) -> None:
    """An environment whose episodes depend on more than its generator, or that fails, gives no state."""
    config = keeping(what, 2 if what == "patience" else 20)  # its third episode fails
    _, states = uninterrupted(config)
    assert states == {}
