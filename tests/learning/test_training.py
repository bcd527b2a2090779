from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from hashlib import sha256
from itertools import islice, pairwise
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qsweep.environments.failures import EnvironmentFailure
from qsweep.environments.resolved import Resolved
from qsweep.errors import UsageError
from qsweep.learning.algorithms import NAMES, algorithm
from qsweep.learning.blocks import chunks, spans
from qsweep.learning.engines import compiled_engine, gymnasium_engine, lanes
from qsweep.learning.engines.learner import learner
from qsweep.learning.initial_table import initial_table
from qsweep.learning.rates import rates_of
from qsweep.learning.training import LANES, Block, Chunk, train, train_blocks
from qsweep.plan.resolution import resolve
from tests.support.interpreted import train_interpreted

DISCRETE = {"CliffWalking-v1": 1, "FrozenLake-v1": 1}
DIMENSIONS = {"Acrobot-v1": 6, "CartPole-v1": 4, "MountainCar-v0": 2, **DISCRETE}
CART_POLE_BOUNDS = {"low": [-2.4, -3.0, -0.2095, -3.5], "high": [2.4, 3.0, 0.2095, 3.5]}

ALWAYS_GREEDY = {"schedule": "constant", "start": 0.0, "end": None, "decay_start": None, "decay_end": None}


class Corridor(gymnasium.Env[Any, int]):
    """States 5, 6, 7 in a row; action -1 stays, 0 moves on; reward -3, terminated at 7.

    With `patience`, the environment itself truncates an episode after that many steps.
    """

    observation_space = spaces.Discrete(3, start=5)
    action_space = spaces.Discrete(2, start=-1)

    def __init__(self, patience: int | None = None) -> None:
        self._patience = patience

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Start in the first state."""
        super().reset(seed=seed)
        self._place, self._steps = 5, 0
        return self._place, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Stay or move on."""
        assert self.action_space.contains(action)
        self._place, self._steps = self._place + action + 1, self._steps + 1
        return self._place, -3.0, self._place == 7, self._steps == self._patience, {}


class Walk(Corridor):
    """The corridor with moving on as the only action."""

    action_space = spaces.Discrete(1)


class Crossroads(gymnasium.Env[Any, int]):
    """Two random coordinates in every step, one counted from -1; the reward is the action."""

    observation_space = spaces.MultiDiscrete([3, 4], start=[-1, 0])
    action_space = spaces.Discrete(3)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Any]:
        """Start in a random state."""
        super().reset(seed=seed)
        return self._drawn(), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Move to a random state; terminate with probability 1/10."""
        return self._drawn(), float(action), bool(self.np_random.random() < 0.1), False, {}

    def _drawn(self) -> Any:
        return np.array([self.np_random.integers(-1, 2), self.np_random.integers(4)])


class Lost(gymnasium.Env[Any, int]):
    """An environment whose second coordinate is NaN after the third step."""

    observation_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
    action_space = spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Any]:
        """Start in the middle."""
        super().reset(seed=seed)
        self._steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Make a step."""
        self._steps += 1
        seen = np.array([0.5, np.nan if self._steps == 3 else 0.25], np.float32)
        return seen, 0.0, False, self._steps == 5, {}


@pytest.fixture(autouse=True, scope="module")
def _registered() -> Iterator[None]:
    """Register the environments above."""
    made = {"Corridor-v0": Corridor, "Walk-v0": Walk, "Crossroads-v0": Crossroads, "Lost-v0": Lost}
    for name, entry_point in made.items():
        gymnasium.register(f"qsweep-test/{name}", entry_point)
    yield
    for name in made:
        del gymnasium.registry[f"qsweep-test/{name}"]


def chunks_of(values: dict[str, Any], **more: Any) -> list[Chunk]:
    return list(train(resolve(values | more)))


def digest(values: Any) -> str:
    return sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def result(chunks: list[Chunk]) -> dict[str, Any]:
    """Return hashes of all results of training: each checkpoint, the returns, lengths and epsilon."""
    tables = {chunk.span.end: digest(chunk.q_table) for chunk in chunks if chunk.span.checkpoint}
    series = {
        name: digest(np.concatenate([getattr(chunk, name) for chunk in chunks]))
        for name in ("returns", "lengths", "epsilon")
    }
    return series | {"tables": tables}


@st.composite
def epsilons(draw: st.DrawFn) -> dict[str, Any]:
    schedule = draw(st.sampled_from(["linear", "exponential", "constant"]))
    start = draw(st.sampled_from([0.0, 0.1, 0.5, 1.0, 1.5]) | st.floats(0.01, 2.0))
    if schedule == "constant":
        return ALWAYS_GREEDY | {"start": start}
    first, last = sorted(draw(st.tuples(st.integers(0, 25), st.integers(0, 25))))
    start = max(start, 0.01)
    end = 0.01 if schedule == "exponential" else draw(st.sampled_from([0.0, 0.01]))
    return {"schedule": schedule, "start": start, "end": end, "decay_start": first, "decay_end": last}


HYPERPARAMETERS: dict[str, st.SearchStrategy[Any]] = {
    "trace_decay": st.sampled_from([0.0, 0.5, 1.0]) | st.floats(0.0, 1.0),
    "traces": st.sampled_from(["replacing", "accumulating"]),
    "n": st.integers(1, 9) | st.just(100),
    "planning_steps": st.integers(0, 5),
}
"""A hyperparameter of some algorithms -> a strategy of its values."""


@st.composite
def manners(draw: st.DrawFn, tutorial: bool, continuous: bool) -> dict[str, Any]:
    """Draw a valid combination of algorithm, exploration, schedule, ties and tiles."""
    name = "q_learning" if tutorial else draw(st.sampled_from(NAMES))
    manner = {key: draw(HYPERPARAMETERS[key]) for key in algorithm(name).hyperparameters}
    manner |= {"algorithm": name, "ties": draw(st.sampled_from(["first", "random"]))}
    tiles = continuous and algorithm(name).supports_tiles and not tutorial and draw(st.booleans())
    if tiles:
        manner |= {"discretizer": "tiles", "tilings": draw(st.integers(2, 5))}
    chosen = draw(st.sampled_from(["epsilon_greedy", "softmax", *([] if tiles else ["ucb"])]))
    positive = st.floats(0.01, 100.0)
    brought = {"softmax": {"temperature": draw(positive)}, "ucb": {"confidence": draw(positive)}}
    manner |= {"exploration": chosen, **brought.get(chosen, {})}
    rates = draw(st.sampled_from(["constant", "linear", *([] if tiles else ["visits"])]))
    end = {"learning_rate_end": 0.001} if rates == "linear" else {}
    return {**manner, "learning_rate_schedule": rates, **end}


@st.composite
def problems(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the values of a small config with a compiled twin, without the engine."""
    env_id = draw(st.sampled_from(sorted(DIMENSIONS)))
    few = st.integers(1, 6)
    per_dimension = st.lists(few, min_size=DIMENSIONS[env_id], max_size=DIMENSIONS[env_id])
    terminal_rule = draw(st.sampled_from(["standard", "tutorial"]))
    discrete = env_id in DISCRETE
    unlimited = env_id not in ("Acrobot-v1", "CliffWalking-v1")
    limits = st.none() | st.integers(1, 60) if unlimited else st.integers(1, 60)
    low, high = sorted(draw(st.tuples(st.integers(-2, 1), st.integers(-2, 1))))
    return {
        "env": {"id": env_id, "max_steps": draw(limits)}
        | (CART_POLE_BOUNDS if env_id == "CartPole-v1" else {}),
        "episodes": draw(st.integers(1, 25)),
        "buckets": draw(few if discrete else few | per_dimension),
        "terminal_rule": terminal_rule,
        "discount": draw(st.sampled_from([0.0, 0.95, 1.0]) | st.floats(0.0, 1.0)),
        "learning_rate": draw(st.sampled_from([0.1, 1.0]) | st.floats(0.001, 1.0)),
        "epsilon": draw(epsilons()),
        "initial_q": {"low": low, "high": high},
        "checkpoint_every": draw(st.integers(1, 30)),
        "seed": draw(st.integers(0, 2**40)),
        **draw(manners(terminal_rule == "tutorial", not discrete)),
    }


@pytest.mark.slow
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(problems())
def test_both_engines_give_the_same_bits(values: dict[str, Any]) -> None:
    """For any config, checkpoints, returns, lengths and epsilon of both engines are identical."""
    compiled, generic = (chunks_of(values, engine=engine) for engine in ("compiled", "gymnasium"))
    assert result(compiled) == result(generic)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "episodes"),
    [
        ({"id": "MountainCar-v0"}, 150),
        ({"id": "CartPole-v1"} | CART_POLE_BOUNDS, 300),
        ({"id": "Acrobot-v1"}, 110),  # it is chaotic: one wrong bit shows after a hundred episodes
    ],
)
def test_both_engines_agree_over_complete_episodes(env: dict[str, Any], episodes: int) -> None:
    """At the environments' own step limits, the engines agree over many episodes."""
    values = {"env": env, "episodes": episodes, "buckets": 6, "checkpoint_every": 70}
    compiled, generic = (chunks_of(values, engine=engine) for engine in ("compiled", "gymnasium"))
    assert result(compiled) == result(generic)


def test_the_compiled_engine_gives_the_same_result_in_any_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of chunks per call does not change the result."""
    values = {"env": {"id": "MountainCar-v0"}, "episodes": 100, "buckets": 5, "checkpoint_every": 7}
    expected = result(chunks_of(values))
    for max_episodes, table_bytes in [(1000, 1), (1000, 2000), (14, 2**23), (3, 2**23)]:
        monkeypatch.setattr(compiled_engine, "MAX_EPISODES", max_episodes)
        monkeypatch.setattr(compiled_engine, "TABLE_BYTES", table_bytes)
        assert result(chunks_of(values)) == expected


@settings(deadline=None)
@given(st.integers(1, 500), st.integers(1, 600), st.integers(1, 100))
def test_spans_cover_all_episodes_in_order(episodes: int, every: int, max_episodes: int) -> None:
    """Spans cover all episodes in order, keep the limit, and end at every checkpoint."""
    found = list(spans(episodes, every, max_episodes))
    assert [found[0].first, found[-1].end] == [0, episodes]
    assert all(before.end == after.first for before, after in pairwise(found))
    assert all(0 < span.end - span.first <= max_episodes for span in found)
    checkpoints = [span.end for span in found if span.checkpoint]
    assert checkpoints == [*range(every, episodes, every), episodes]


@pytest.mark.parametrize(
    ("engine", "limit"),
    [("compiled", compiled_engine.MAX_EPISODES), ("gymnasium", gymnasium_engine.MAX_EPISODES)],
)
def test_chunks_follow_the_spans(engine: str, limit: int) -> None:
    """An engine's chunks hold the episodes of their spans, and a table of the run's shape."""
    values = {"episodes": 2 * limit + 7, "checkpoint_every": limit + 3, "buckets": [3, 4]}
    env = {"id": "MountainCar-v0", "max_steps": 3}
    chunks = chunks_of(values, env=env, engine=engine)
    assert [chunk.span for chunk in chunks] == list(spans(2 * limit + 7, limit + 3, limit))
    for chunk in chunks:
        n = chunk.span.end - chunk.span.first
        assert [len(part) for part in (chunk.returns, chunk.lengths, chunk.epsilon)] == [n, n, n]
        assert (chunk.returns.dtype, chunk.lengths.dtype) == (np.float64, np.int32)
        assert chunk.q_table.shape == (3, 4, 3)


@pytest.mark.parametrize("engine", ["compiled", "gymnasium"])
def test_training_depends_on_its_config_alone(engine: str) -> None:
    """The same config gives the same result twice, even interleaved in one process; another seed does not."""
    values = {"episodes": 60, "buckets": 5, "env": {"id": "MountainCar-v0", "max_steps": 50}}
    turns = [train(resolve(values | {"engine": engine, "seed": seed})) for seed in (0, 0, 1)]
    first, again, other = (list(part) for part in zip(*zip(*turns, strict=True), strict=True))
    assert result(first) == result(again)
    assert result(first)["tables"] != result(other)["tables"]


@pytest.mark.parametrize("engine", ["compiled", "gymnasium"])
def test_a_chunks_table_does_not_change(engine: str) -> None:
    """Further training does not change the Q-tables of earlier chunks."""
    values = {"episodes": 60, "buckets": 5, "env": {"id": "MountainCar-v0"}, "engine": engine}
    chunks, hashes = [], []
    for chunk in train(resolve(values)):
        chunks.append(chunk)
        hashes.append(digest(chunk.q_table))
    assert [digest(chunk.q_table) for chunk in chunks] == hashes
    assert len(set(hashes)) == len(hashes)


@settings(deadline=None)
@given(st.integers(-50, 50), st.integers(0, 50), st.integers(0, 2**40))
def test_the_initial_table_is_uniform_between_its_bounds(low: int, width: int, seed: int) -> None:
    """Initial values lie in [low, high), or equal `low` if both are equal, and cover the range."""
    bounds = {"low": low, "high": low + width}
    made = resolve({"buckets": 20, "initial_q": bounds, "seed": seed})
    q_table = initial_table(made.config, made)
    assert q_table.shape == (20, 20, 3)
    assert (low <= q_table).all()
    assert (q_table < low + width).all() or width == 0
    assert q_table.max() - q_table.min() >= 0.9 * width


@pytest.mark.parametrize(
    ("rule", "limit", "places"),
    [
        # Q is 1 at first, alpha 1/2, gamma 0.9, -3 a step.
        # 5 -> 6 bootstraps: 1 + (-3 + 0.9 * 1 - 1) / 2 = -0.55; 6 -> goal does not: 1 + (-3 - 1) / 2 = -1.
        ("standard", 5, [-0.55, -1.0, 1.0]),
        ("standard", 2, [-0.55, -1.0, 1.0]),  # at the limit, the goal is still the goal
        ("standard", 1, [-0.55, 1.0, 1.0]),  # truncated after one step: bootstraps
        ("tutorial", 5, [-0.55, 0.0, 1.0]),  # at the goal Q becomes 0
        ("tutorial", 2, [-0.55, 0.0, 1.0]),
        ("tutorial", 1, [1.0, 1.0, 1.0]),  # truncated after one step: learns nothing from it
    ],
)
@pytest.mark.parametrize("by", ["time limit", "environment"])
def test_truncation_bootstraps_and_termination_does_not(
    rule: str, limit: int, places: list[float], by: str
) -> None:
    """After one episode in the corridor, Q is as computed by hand, for both kinds of truncation."""
    own = {"max_steps": limit} if by == "time limit" else {"max_steps": 50, "kwargs": {"patience": limit}}
    [chunk] = chunks_of(
        {"env": {"id": "qsweep-test/Walk-v0"} | own, "episodes": 1, "terminal_rule": rule},
        epsilon=ALWAYS_GREEDY,
        discount=0.9,
        learning_rate=0.5,
        initial_q={"low": 1, "high": 1},
    )
    np.testing.assert_allclose(chunk.q_table, np.array(places)[:, None], rtol=0, atol=1e-15)
    assert chunk.lengths.tolist() == [min(limit, 2)]
    assert chunk.returns.tolist() == [-3.0 * min(limit, 2)]


def test_values_propagate_by_one_state_per_episode() -> None:
    """The second episode in the corridor bootstraps from the first one's values."""
    [chunk] = chunks_of(
        {"env": {"id": "qsweep-test/Walk-v0", "max_steps": 9}, "episodes": 2},
        discount=0.9,
        learning_rate=0.5,
        initial_q={"low": 1, "high": 1},
    )
    # 5: -0.55 + (-3 + 0.9 * -1 + 0.55) / 2 = -2.225; 6: -1 + (-3 + 1) / 2 = -2.
    np.testing.assert_allclose(chunk.q_table.ravel(), [-2.225, -2.0, 1.0], rtol=0, atol=1e-15)


def test_of_equal_values_the_first_action_is_taken() -> None:
    """Without exploration and with equal values, action 0 is chosen in the car and in the corridor."""
    greedy = {"epsilon": ALWAYS_GREEDY, "initial_q": {"low": 0, "high": 0}, "episodes": 1}
    [chunk] = chunks_of(greedy, env={"id": "qsweep-test/Corridor-v0", "max_steps": 1})
    assert np.argwhere(chunk.q_table).tolist() == [[0, 0]]
    for engine in ("compiled", "gymnasium"):
        [chunk] = chunks_of(greedy, env={"id": "MountainCar-v0", "max_steps": 1}, engine=engine)
        assert np.argwhere(chunk.q_table)[:, 2].tolist() == [0]


def test_always_exploring_tries_actions_equally_often() -> None:
    """With epsilon 1.5 each of the three actions is taken in about a third of the steps."""
    values = {"epsilon": ALWAYS_GREEDY | {"start": 1.5}, "episodes": 400}
    chunks = chunks_of(values, env={"id": "qsweep-test/Crossroads-v0", "max_steps": 30})
    steps = sum(int(chunk.lengths.sum()) for chunk in chunks)
    mean = sum(float(chunk.returns.sum()) for chunk in chunks) / steps
    assert steps > 3000
    assert abs(mean - 1.0) < 5 * (2 / 3 / steps) ** 0.5


def test_numbers_that_do_not_start_at_zero_are_learned() -> None:
    """With observations 5 to 7 and actions -1 and 0, a Q-table of 3 by 2 learns the shortest path."""
    chunks = chunks_of(
        {"env": {"id": "qsweep-test/Corridor-v0", "max_steps": 20}, "episodes": 200},
        initial_q={"low": 0, "high": 0},
    )
    assert chunks[-1].q_table.shape == (3, 2)
    assert chunks[-1].q_table.argmax(axis=1)[:2].tolist() == [1, 1]
    assert chunks[-1].lengths[-1] == 2


def test_a_multidiscrete_observation_has_a_dimension_each() -> None:
    """A MultiDiscrete observation of 3 by 4, one counted from -1, visits every cell of its Q-table."""
    chunks = chunks_of({"env": {"id": "qsweep-test/Crossroads-v0", "max_steps": 50}, "episodes": 200})
    assert chunks[-1].q_table.shape == (3, 4, 3)
    assert (chunks[-1].q_table != chunks[0].q_table).any(axis=2).all()


@pytest.mark.parametrize(
    ("env_id", "shape"),
    [
        ("FrozenLake-v1", (16, 4)),
        ("Taxi-v4", (500, 6)),
        ("CliffWalking-v1", (48, 4)),
        ("Blackjack-v1", (32, 11, 2, 2)),
    ],
)
def test_discrete_environments_train(env_id: str, shape: tuple[int, ...]) -> None:
    """Gymnasium's toy environments need no buckets; the same seed gives the same result."""
    values = {"env": {"id": env_id, "max_steps": 50}, "episodes": 30, "seed": 3}
    chunks = chunks_of(values)
    assert chunks[-1].q_table.shape == shape
    assert result(chunks) == result(chunks_of(values))
    made = resolve(values)
    assert (chunks[-1].q_table != initial_table(made.config, made)).any()


def test_arguments_reach_the_environment() -> None:
    """FrozenLake's arguments take effect: 64 cells, and one step changes only the first value."""
    values = {"initial_q": {"low": 1, "high": 1}, "epsilon": ALWAYS_GREEDY, "episodes": 1}
    env = {"id": "FrozenLake-v1", "kwargs": {"is_slippery": False, "map_name": "8x8"}, "max_steps": 1}
    [chunk] = chunks_of(values, env=env)
    assert chunk.q_table.shape == (64, 4)
    assert np.argwhere(chunk.q_table != 1).tolist() == [[0, 0]]


def test_an_unknown_environment_is_refused_at_once() -> None:
    """An environment that Gymnasium cannot make raises in the call of `train`, not in its iteration."""
    config = resolve({"env": {"id": "qsweep-test/Walk-v0"}}).config
    gone = replace(config, env=replace(config.env, id="qsweep-test/Nowhere-v0"))
    with pytest.raises(UsageError, match=r"env\.id"):
        train(gone)


@pytest.mark.parametrize("trained", [gymnasium_engine.train, train_interpreted])
@pytest.mark.parametrize("discretizer", ["uniform", "tiles"])
def test_an_observation_with_nan_ends_training(
    discretizer: str, trained: Callable[[Resolved], Iterable[object]]
) -> None:
    """NaN has no bucket: a failure names it before compiled code computes one."""
    made: dict[str, Any] = {"env": {"id": "qsweep-test/Lost-v0"}, "buckets": 4, "episodes": 3}
    if discretizer == "tiles":
        made |= {"discretizer": "tiles", "tilings": 2}
    raises = pytest.raises(
        EnvironmentFailure, match=r"qsweep-test/Lost-v0: .* gave an observation with NaN: \[0.5, nan\]"
    )
    with raises, np.errstate(over="ignore"):
        list(trained(resolve(made)))


def test_epsilon_and_step_size_of_each_episode() -> None:
    """Epsilon is at most 1; the learning rate decays linearly and is divided by the number of tilings."""
    linear = {"learning_rate_schedule": "linear", "learning_rate": 0.4, "learning_rate_end": 0.0}
    decay = {"schedule": "linear", "start": 1.5, "end": 0.0, "decay_start": 0, "decay_end": 3}
    made: dict[str, Any] = {**linear, "episodes": 5, "epsilon": decay}
    expected = [[1.0, 0.4], [1.0, 0.3], [0.5, 0.2], [0.0, 0.1], [0.0, 0.0]]
    assert rates_of(resolve(made), np.arange(5)) == pytest.approx(np.array(expected))
    tiles = resolve({**made, "discretizer": "tiles", "tilings": 4})
    assert rates_of(tiles, np.arange(5))[:, 1] == pytest.approx([0.1, 0.075, 0.05, 0.025, 0.0])


def test_a_single_episode_has_the_initial_learning_rate() -> None:
    """A run of one episode uses the learning rate at its start."""
    linear = {"learning_rate_schedule": "linear", "learning_rate": 0.4, "learning_rate_end": 0.0}
    assert rates_of(resolve({**linear, "episodes": 1}), np.arange(1))[0, 1] == 0.4


def test_an_agent_follows_its_config() -> None:
    """Visits are kept where they are needed; temperature or confidence is the exploration's parameter."""
    plain, softmax, ucb, visits = (
        learner(resolve({"buckets": 3, **more})).agent
        for more in (
            {},
            {"exploration": "softmax", "temperature": 0.5},
            {"exploration": "ucb", "confidence": 0.0, "ties": "random"},
            {"learning_rate_schedule": "visits"},
        )
    )
    assert [agent.visits.shape for agent in (plain, softmax, ucb, visits)] == [(0, 3), (0, 3), (9, 3), (9, 3)]
    assert [agent.parameter for agent in (plain, softmax, ucb)] == [0.0, 0.5, 0.0]
    assert [agent.random_ties for agent in (plain, ucb)] == [False, True]
    assert [agent.decaying for agent in (plain, visits)] == [False, True]
    assert len({agent.exploration for agent in (plain, softmax, ucb)}) == 3


def test_with_tiles_the_sum_lies_between_the_bounds() -> None:
    """Initial values are the bounds divided by the number of tilings."""
    made = resolve({"discretizer": "tiles", "tilings": 4, "initial_q": {"low": -2.0, "high": -1.0}})
    table = initial_table(made.config, made)
    assert table.shape == (4, 21, 21, 3)
    assert -0.5 <= table.min() < table.max() < -0.25


def test_the_tutorials_rule_ignores_a_truncated_step() -> None:
    """Under the tutorial's rule, the step that is truncated does not change the Q-table."""
    values = {"env": {"id": "qsweep-test/Walk-v0", "max_steps": 1}, "episodes": 4, "epsilon": ALWAYS_GREEDY}
    standard, tutorial = (
        chunks_of(values, terminal_rule=rule, initial_q={"low": 0.0, "high": 0.0})[-1].q_table
        for rule in ("standard", "tutorial")
    )
    assert tutorial.tolist() == [[0.0]] * 3
    assert standard[0, 0] < 0.0


def by_config(configs: list[Any]) -> list[dict[str, Any]]:
    """Return the hashes of configs that are trained together."""
    return _digests(configs, train_blocks(configs))


def _digests(configs: list[Any], found: Iterable[tuple[int, Block]]) -> list[dict[str, Any]]:
    blocks: list[list[Block]] = [[] for _ in configs]
    for number, block in found:
        blocks[number].append(block)
    return [result(list(chunks(some))) for some in blocks]


SEVERAL: list[dict[str, Any]] = [
    {"env": {"id": "MountainCar-v0"}, "episodes": 45},
    {"env": {"id": "CartPole-v1"} | CART_POLE_BOUNDS, "episodes": 60},
    {"env": {"id": "FrozenLake-v1"}, "episodes": 90},
]


GIVEN = {"trace_decay": 0.9, "traces": "replacing", "n": 4, "planning_steps": 3}
ACROBOT = {"env": {"id": "Acrobot-v1"}, "episodes": 10}
ALIKE: list[dict[str, Any]] = [
    *({**values, "algorithm": name} for name in NAMES for values in SEVERAL),
    ACROBOT | {"algorithm": "q_learning"},
    SEVERAL[0] | {"algorithm": "sarsa", "exploration": "softmax", "temperature": 0.5, "ties": "random"},
    SEVERAL[0] | {"algorithm": "double_q_learning", "discretizer": "tiles", "tilings": 3},
    SEVERAL[2] | {"algorithm": "expected_sarsa", "exploration": "ucb", "confidence": 1.0},
    SEVERAL[1] | {"algorithm": "n_step_sarsa", "learning_rate_schedule": "visits"},
]
"""What several seeds are trained in: every algorithm in every environment, and agents of other kinds."""


def changes() -> st.SearchStrategy[dict[str, Any]]:
    """Return changes of a config that need no other compiled code."""
    return st.fixed_dictionaries(
        {
            "episodes": st.integers(1, 60),
            "checkpoint_every": st.integers(1, 30),
            "learning_rate": st.floats(0.01, 1.0),
            "discount": st.floats(0.0, 1.0),
            "epsilon": epsilons(),
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize("values", ALIKE, ids=lambda values: f"{values['algorithm']}-{values['env']['id']}")
def test_seeds_side_by_side_equal_single_ones(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 1 to 40 seeds, whose episodes end at different times, each equals the seed alone, bit for bit.

    That holds for every Q-table, return, length and count of visits, and for a run that goes on alone from
    the state that it had beside the others when they were killed.
    """
    monkeypatch.setattr(compiled_engine, "MAX_EPISODES", 13)  # several calls
    own = {key: GIVEN[key] for key in algorithm(values["algorithm"]).hyperparameters}

    @settings(deadline=None, max_examples=6)
    @given(changes(), st.integers(1, 40), st.integers(0, 2**40), st.integers(1, 120), st.data())
    def check(more: dict[str, Any], count: int, seed: int, max_steps: int, data: st.DataObject) -> None:
        env = values["env"] | {"max_steps": max_steps}
        first = resolve(values | own | more | {"buckets": 5, "env": env, "seed": seed})
        configs = [first.changed(seed=seed + number) for number in range(count)]
        alone = _histories(train_blocks([config]) for config in configs)
        assert _histories([train_blocks(configs)]) == alone
        together = compiled_engine.train_interleaved(configs[:LANES])  # of any algorithm
        number = data.draw(st.integers(0, min(count, LANES) - 1))
        ends = data.draw(st.integers(1, 5))
        for block in islice((block for lane, block in together if lane == number), ends):
            assert block.state is not None
            rest = train_blocks([configs[number]], dict(block.state()))
            if block.end < first.config.episodes:
                assert _histories([rest])[0][-4:] == alone[number][-4:]

    check()


def _histories(found: Iterable[Iterable[tuple[int, Block]]]) -> list[list[str]]:
    """Return the hashes of each chunk of runs that are trained together, and of the last count of visits."""
    histories = []
    for together in found:
        blocks: dict[int, list[Block]] = {}
        for number, block in together:
            blocks.setdefault(number, []).append(block)
        for _, some in sorted(blocks.items()):
            parts = [[chunk.q_table, chunk.returns, chunk.lengths] for chunk in chunks(some)]
            histories.append([digest(part) for each in parts for part in each] + [digest(some[-1].visits)])
    return histories


@pytest.mark.parametrize(
    "more",
    [
        {"exploration": "softmax", "temperature": 0.5, "ties": "random"},
        {"discretizer": "tiles", "tilings": 3},
        {"terminal_rule": "tutorial", "engine": "gymnasium"},
    ],
)
def test_interleaved_seeds_with_other_settings(more: dict[str, Any]) -> None:
    """With other explorations, tiles and the other engine each seed has its own result, too."""
    made = {"env": {"id": "MountainCar-v0", "max_steps": 70}, "episodes": 20, "buckets": 5, **more}
    configs = [resolve(made | {"seed": seed}) for seed in range(3)]
    assert by_config(configs) == [result(list(train(config))) for config in configs]


def test_different_configs_are_trained_one_after_the_other() -> None:
    """Configs that differ by more than their seed are trained, too; no configs give no blocks."""
    made: dict[str, Any] = {"env": {"id": "MountainCar-v0", "max_steps": 50}, "episodes": 12}
    configs = [resolve(made | {"buckets": buckets, "seed": buckets}) for buckets in (4, 5)]
    assert by_config(configs) == [result(list(train(config))) for config in configs]
    assert list(train_blocks([])) == []


@pytest.mark.parametrize(
    ("engine", "module", "name"),
    [("gymnasium", gymnasium_engine, "_compiled"), ("compiled", lanes, "_kernel")],
)
def test_seconds_are_those_of_training(
    engine: str, module: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither compiling nor the consumer counts as training; only the first block compiled."""
    prepare = getattr(module, name)

    def slowly(*given: Any) -> Any:
        time.sleep(0.6)
        return prepare(*given)

    monkeypatch.setattr(module, name, slowly)
    config = resolve({"env": {"id": "FrozenLake-v1"}, "episodes": 60, "engine": engine})
    for engines in (gymnasium_engine, compiled_engine):
        monkeypatch.setattr(engines, "MAX_EPISODES", 20)
    blocks: list[Block] = []
    for _, block in train_blocks([config]):
        time.sleep(0.0 if blocks else 0.6)
        blocks.append(block)
    assert blocks[0].compile_seconds >= 0.6
    assert [block.compile_seconds for block in blocks[1:]] == [0] * (len(blocks) - 1)
    assert all(0 < block.seconds < 0.6 for block in blocks)


def test_interleaved_seeds_share_their_seconds_by_steps() -> None:
    """A seed whose episodes are twice as long has twice the seconds."""
    assert compiled_engine._shared(6.0, np.array([[1, 2], [2, 4], [3, 6]], np.int32)) == pytest.approx(
        [1, 2, 3]
    )
    made = {"env": {"id": "MountainCar-v0"}, "episodes": 45, "buckets": 5}
    found = list(train_blocks([resolve({**made, "seed": seed}) for seed in range(LANES)]))
    paces = [block.seconds / block.lengths.sum() for _, block in found]
    assert paces == pytest.approx([paces[0]] * LANES)


@pytest.mark.parametrize("algorithm", ["q_learning", "sarsa", "monte_carlo"])
def test_both_engines_count_the_same_visits(algorithm: str) -> None:
    """Each step counts once, in the cell in which it began; resumed blocks count on."""
    values = {"episodes": 60, "buckets": 4, "checkpoint_every": 20, "algorithm": algorithm}
    runs = [resolve({**values, "engine": engine}) for engine in ("compiled", "gymnasium")]
    counts = [[block.visits for _, block in train_blocks([run])][-1] for run in runs]
    steps = sum(int(chunk.lengths.sum()) for chunk in train(runs[0]))
    assert counts[0] is not None
    assert counts[1] is not None
    assert counts[0].tolist() == counts[1].tolist()
    assert (counts[0].shape, int(counts[0].sum())) == ((4, 4), steps)
