from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.envs.toy_text.frozen_lake import generate_random_map

from qsweep.config import Env
from qsweep.environments.description import describe, make
from qsweep.environments.textbook import ENVIRONMENTS
from qsweep.environments.textbook.table_environment import Outcomes, TableEnvironment
from qsweep.environments.twins import MODULES, tables
from qsweep.environments.twins.matching import twin_of
from qsweep.environments.twins.pcg64 import stream
from qsweep.environments.twins.twin import Twin
from qsweep.errors import UsageError
from qsweep.learning.training import train
from qsweep.plan.composition import load_config, load_resolved
from qsweep.seeds import restored_generator
from tests.support.machine_code import machine_code

HOLES = ["SFHF", "FHFF", "FFFG"]
LAKES = [
    Env("FrozenLake-v1", kwargs=kwargs)
    for kwargs in (
        {},
        {"is_slippery": False},
        {"map_name": "8x8"},
        {"map_name": "8x8", "is_slippery": False},
        {"desc": HOLES},
        {"desc": generate_random_map(size=6, seed=3), "is_slippery": False},
        {"success_rate": 0.9},
        {"desc": ["SFG", "SHS"]},  # three starts
    )
]
TABLES = [
    *LAKES,
    Env("Taxi-v4"),
    Env("Taxi-v4", kwargs={"is_rainy": True}),
    Env("Taxi-v4", kwargs={"is_rainy": True, "rainy_probability": 0.5}),
    Env("CliffWalking-v1"),
    Env("CliffWalking-v1", kwargs={"is_slippery": True}),
    *(Env(env_id) for env_id in ENVIRONMENTS),
]


def label(env: Env) -> str:
    """Return a short name of an environment."""
    return f"{env.id} {env.kwargs or ''}"


def found(env: Env) -> Twin:
    """Return the environment's twin, which exists."""
    twin = match(env)
    assert twin is not None
    return twin


def match(env: Env) -> Twin | None:
    """Return the environment's twin, or None."""
    return twin_of(env, describe(env))


@pytest.mark.parametrize("env", TABLES, ids=label)
def test_tables_are_sampled_as_gymnasium_samples_them(env: Env) -> None:
    """Over thousands of steps and many resets, twin and environment agree bit for bit."""
    twin, made, actions = found(env), make(env), np.random.default_rng(5)
    reset, step = machine_code(twin.reset), machine_code(twin.step)
    random, (state, observation) = stream(77), twin.buffers()
    seen, _ = made.reset(seed=77)
    reset(random, twin.constants, state, observation)
    assert observation.tolist() == [seen]
    resets = 0
    for number in range(5000):
        action = int(actions.integers(made.action_space.n))  # type: ignore[attr-defined]
        seen, reward, terminated, truncated, _ = made.step(action)
        assert step(random, twin.constants, state, action, observation) == (reward, terminated)
        assert observation.tolist() == [seen]
        if terminated or truncated or number % 200 == 0:
            resets += 1
            seen, _ = made.reset()
            reset(random, twin.constants, state, observation)
            assert observation.tolist() == [seen]
    # Both have drawn the same number of random numbers.
    assert made.unwrapped.np_random.random() == restored_generator(random).random()
    assert resets > 20


def test_environments_with_twins_of_their_own() -> None:
    """Classic control with Discrete actions and Blackjack have them; not with arguments they do not know."""
    assert all(match(Env(env_id)) for env_id in MODULES)
    assert not match(Env("Pendulum-v1", actions=3))
    assert not match(Env("MountainCarContinuous-v0", actions=3))
    assert not match(Env("MountainCar-v0", kwargs={"goal_velocity": 0.01}))


@pytest.mark.parametrize(
    "env",
    [
        Env("Taxi-v4", kwargs={"fickle_passenger": True}),
        Env("Taxi-v4", kwargs={"fickle_passenger": True, "is_rainy": True}),
        Env("Taxi-v4", kwargs={"fickle_passenger": True, "fickle_probability": 0.0}),
        Env("FrozenLake-v1", kwargs={"map_name": None}),
        Env("FrozenLake-v1", wrapper="tests.environments.twins.test_matching:Untouched"),
        Env("MountainCar-v0", wrapper="tests.environments.twins.test_matching:Untouched"),
    ],
    ids=label,
)
def test_an_environment_beyond_its_tables_has_no_twin(env: Env) -> None:
    """An environment that draws more than its tables say, draws its map or has a wrapper has no twin."""
    assert match(env) is None


class Untouched(gymnasium.Wrapper[Any, Any, Any, Any]):
    """A wrapper that changes nothing."""


CIRCLE: Outcomes = {
    s: {a: [(0.5, (s + 1) % 4, 1.0, False), (0.5, (s + a) % 4, -1.0, s == 3)] for a in range(2)}
    for s in range(4)
}


class Honest(TableEnvironment):
    """An environment that follows its tables."""

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(CIRCLE, ("S...",), render_mode)


class LyingReward(Honest):
    """An environment that sometimes gives another reward than its tables."""

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Make a step."""
        state, reward, terminated, truncated, about = super().step(action)
        return state, reward + (state == 2), terminated, truncated, about


class LyingEnd(Honest):
    """An environment that ends episodes where its tables do not."""

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Make a step."""
        state, reward, _, truncated, about = super().step(action)
        return state, reward, state == 3, truncated, about


class DrawsInStep(Honest):
    """An environment that draws one extra number in a step."""

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Make a step."""
        self.np_random.random()
        return super().step(action)


class DrawsInReset(Honest):
    """An environment that draws one extra number at a reset."""

    def reset(self, **given: Any) -> tuple[int, dict[str, Any]]:
        """Start an episode."""
        state, about = super().reset(**given)
        self.np_random.random()
        return state, about


class DrawsAfterTheFirst(Honest):
    """An environment without an end that draws an extra number at every reset but the first."""

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(render_mode)
        self.P = {
            s: {a: [(p, t, r, False) for p, t, r, _ in o] for a, o in CIRCLE[s].items()} for s in CIRCLE
        }
        self._resets = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[int, dict[str, Any]]:
        """Start an episode."""
        self._resets = self._resets + 1 if seed is None else 0
        state, about = super().reset(seed=seed)
        if self._resets:
            self.np_random.random()
        return state, about


class DrawsIntegers(Honest):
    """An environment that draws with another method of the generator."""

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Make a step."""
        _, self._state, reward, terminated = self.P[self._state][action][int(self.np_random.integers(2))]
        return self._state, reward, terminated, False, {}


class Changing(Honest):
    """An environment that changes its tables during an episode."""

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Make a step."""
        self.P = {**self.P, 1: {0: [(1.0, 1, 0.25, False)], 1: [(1.0, 1, 0.25, False)]}}
        return super().step(action)


class Counting(Honest):
    """An environment whose states are numbered from 1."""

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(render_mode)
        self.observation_space = spaces.Discrete(4, start=1)

    def reset(self, **given: Any) -> tuple[int, dict[str, Any]]:
        """Start an episode."""
        state, about = super().reset(**given)
        return state + 1, about

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Make a step."""
        state, *rest = super().step(action)
        return state + 1, *rest


class ActionsFromOne(Honest):
    """An environment whose actions are numbered from 1."""

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(render_mode)
        self.action_space = spaces.Discrete(2, start=1)

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Make a step."""
        return super().step(action - 1)


class Hole(Honest):
    """An environment with a state without outcomes."""

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(render_mode)
        self.P = {**self.P, 3: {0: [], 1: []}}


class Short(Honest):
    """An environment with a state that its tables lack."""

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(render_mode)
        self.P = {s: self.P[s] for s in (0, 1, 2)}


class OfAnotherForm(Honest):
    """An environment whose `P` is not a table."""

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(render_mode)
        self.P = "P"  # type: ignore[assignment]


class Bonus(gymnasium.Wrapper[Any, Any, Any, Any]):
    """A wrapper that adds a reward in a state that is hardly ever reached."""

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Make a step."""
        state, reward, terminated, truncated, about = self.env.step(action)
        return state, reward + (state == 63), terminated, truncated, about


def rare(**given: Any) -> gymnasium.Env[Any, Any]:
    """Return the 8 x 8 lake with a bonus at its goal, which random play does not reach."""
    return Bonus(gymnasium.make("FrozenLake-v1", map_name="8x8", **given))


REFUSED = [LyingReward, LyingEnd, DrawsInStep, DrawsInReset, DrawsAfterTheFirst, DrawsIntegers, Changing]
REFUSED += [Counting, ActionsFromOne, Hole, Short, OfAnotherForm, rare]


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    """Register the environments of this file."""
    for entry in (Honest, *REFUSED):
        gymnasium.register(f"{entry.__name__}-v0", entry_point=entry, max_episode_steps=1000)
    yield
    for entry in (Honest, *REFUSED):
        del gymnasium.registry[f"{entry.__name__}-v0"]


@pytest.mark.parametrize("entry", REFUSED)
def test_incorrect_tables_are_not_used(entry: Any) -> None:
    """An environment that differs from its tables in any way has no twin and runs on Gymnasium."""
    assert match(Env("Honest-v0")) is not None
    assert match(Env(f"{entry.__name__}-v0")) is None
    config = load_config([f"env.id={entry.__name__}-v0", "episodes=3", "tracking=none", "env.max_steps=50"])
    assert config.engine == "gymnasium"


def test_the_cumulative_probability_decides() -> None:
    """The first outcome whose cumulative probability exceeds the drawn number is selected."""
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet([0.3] * 9)
    row = [(float(p), k, float(k), False) for k, p in enumerate(probabilities)]
    twin = tables.twin({s: {0: row} for s in range(9)}, [0.0] * 8 + [1.0], 1)
    random, (state, observation), numbers = (
        stream(3),
        twin.buffers(),
        np.random.Generator(np.random.PCG64(np.random.SeedSequence(3))),
    )
    with np.errstate(over="ignore"):
        twin.reset(random, twin.constants, state, observation)
        assert observation[0] == 8
        numbers.random()
        for _ in range(1000):
            expected = int(np.argmax(np.cumsum(probabilities) > numbers.random()))
            assert twin.step(random, twin.constants, state, 0, observation) == (expected, False)


def test_probabilities_with_a_sum_below_one() -> None:
    """A draw beyond the sum of the probabilities selects the first outcome, as numpy's argmax does."""
    twin = tables.twin({0: {0: [(0.25, 0, 5.0, True), (0.25, 0, 7.0, True)]}}, [1.0], 1)
    step, random, (state, observation) = machine_code(twin.step), stream(0), twin.buffers()
    rewards = [step(random, twin.constants, state, 0, observation)[0] for _ in range(4000)]
    assert rewards.count(7.0) / 4000 == pytest.approx(0.25, abs=0.03)
    assert rewards.count(5.0) / 4000 == pytest.approx(0.75, abs=0.03)


def test_training_on_tables_is_training_on_gymnasium() -> None:
    """Both engines give the same Q-tables and returns, over resets, truncations and many calls."""
    for env in ("env=frozen_lake env.kwargs.map_name=8x8", "env=taxi env.kwargs.is_rainy=true"):
        runs = [
            list(train(load_config([*env.split(), f"engine={engine}", "episodes=60", "tracking=none"])))
            for engine in ("compiled", "gymnasium")
        ]
        for one, other in zip(runs[0], runs[1][-len(runs[0]) :], strict=False):
            assert one.span == other.span
            assert one.q_table.tobytes() == other.q_table.tobytes()
            assert one.returns.tobytes() == other.returns.tobytes()


ENVIRONMENT = '''
import gymnasium, numpy as np
from gymnasium import spaces

class Drift(gymnasium.Env):
    """A point that drifts; its start is drawn."""
    observation_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
    action_space = spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.x = self.np_random.uniform(-0.5, 0.5)
        return np.array([self.x], np.float32), {}

    def step(self, action):
        self.x += 0.1 if action else -0.1
        return np.array([self.x], np.float32), -abs(self.x), abs(self.x) > 1.0, False, {}

gymnasium.register("Drift-v0", entry_point=Drift, max_episode_steps=30)
'''
TWIN = """
import numpy as np
from qsweep.environments.twins.twin import Twin

def start(generator, n):
    states = generator.uniform(-0.5, 0.5, size=(n, 1))
    return states, states.astype(np.float32).astype(np.float64)

def step(random, constants, state, action, observation):
    state[0] += 0.1 if action == 1 else -0.1
    observation[0] = np.float32(state[0])
    return -abs(state[0]), abs(state[0]) > 1.0

TWIN = Twin(step, start)
NONE = 3
"""
DRIFT = ["env.id=drift:Drift-v0", "buckets=9", "episodes=40", "tracking=none"]
COMPARE = """
import sys
from qsweep.tracking.checkpoints import sha256
from qsweep.plan.composition import load_config, load_resolved
from qsweep.learning.training import train
configs = [load_config([*sys.argv[1:], engine]) for engine in ("engine=auto", "engine=gymnasium")]
print(*(config.engine for config in configs))
print(*(sha256(list(train(config))[-1].q_table) for config in configs))
"""


def installed(folder: Path, value: str) -> dict[str, str]:
    """Install a package with an environment and a twin into a folder; return the variables to find it."""
    (folder / "drift.py").write_text(ENVIRONMENT)
    (folder / "drift_twin.py").write_text(TWIN)
    (folder / "broken_twin.py").write_text("raise RuntimeError('the cable is loose')")
    about = folder / "drift-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: drift\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[qsweep.twins]\nDrift-v0 = {value}\n")
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    return {"PYTHONPATH": path}


@pytest.mark.slow
def test_a_twin_of_another_package_is_found(tmp_path: Path) -> None:
    """With an entry point named after its id an environment runs compiled, with the same result."""
    settings = os.environ | installed(tmp_path, "drift_twin:TWIN")
    ran = subprocess.run(
        [sys.executable, "-c", COMPARE, *DRIFT], env=settings, capture_output=True, text=True, check=True
    )
    engines, hashes = (line.split() for line in ran.stdout.splitlines())
    assert engines == ["compiled", "gymnasium"]
    assert hashes[0] == hashes[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("broken_twin:TWIN", "RuntimeError: the cable is loose"),
        ("drift_twin:NO_SUCH", "has no attribute 'NO_SUCH'"),
        ("no_such_module:TWIN", "No module named 'no_such_module'"),
        ("drift_twin:NONE", "must be a Twin"),
    ],
)
def test_a_twin_that_cannot_be_loaded_is_a_clear_message(
    value: str, message: str, tmp_path: Path, qsweep: Any
) -> None:
    """An error in another package's twin is one line; the Gymnasium engine does not need the twin."""
    settings = installed(tmp_path, value)
    ran = qsweep("train", *DRIFT, **settings)
    assert (ran.returncode, len(ran.stderr.splitlines())) == (2, 1)
    assert ran.stderr.startswith("qsweep: engine: ")
    assert message in ran.stderr
    assert qsweep("train", *DRIFT, "engine=gymnasium", **settings).returncode == 0


def test_a_twins_starts_may_be_of_any_layout() -> None:
    """Starts in Fortran order or as float32 give the same result as contiguous float64 ones."""
    from qsweep.environments.twins import mountain_car

    def start(generator: np.random.Generator, n: int) -> Any:
        states, observations = mountain_car.start(generator, n)
        return np.asfortranarray(states), observations.astype(np.float32).T.copy().T

    twin = Twin(mountain_car.step, start)
    lines = ["episodes=30", "checkpoint_every=7", "tracking=none", "buckets=5"]
    expected = list(train(load_config(lines)))[-1].q_table
    assert list(train(replace(load_resolved(lines), twin=twin)))[-1].q_table.tobytes() == expected.tobytes()


def test_engines_are_named_where_there_is_none() -> None:
    """The compiled engine without a twin is refused with a message that names the requirement."""
    with pytest.raises(UsageError, match="compiled needs a compiled twin or transition"):
        load_config(["env=pendulum", "engine=compiled"])


def test_arguments_have_constants() -> None:
    """A twin with more arguments than constants is refused: there is no default value for the others."""
    from qsweep.environments.twins import mountain_car

    with pytest.raises(ValueError, match="constants must begin with the values of windy, icy"):
        Twin(mountain_car.step, mountain_car.start, arguments=("windy", "icy"))
