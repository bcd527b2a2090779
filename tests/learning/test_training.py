from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qsweep.errors import UsageError
from qsweep.learning.algorithms import NAMES, algorithm
from qsweep.learning.blocks import chunks, spans
from qsweep.learning.engines import compiled_engine, gymnasium_engine
from qsweep.learning.engines.learner import learner, paces
from qsweep.learning.task import task
from qsweep.learning.training import LANES, Block, Chunk, train, train_blocks
from qsweep.plan.resolution import resolve

DISCRETE = {"CliffWalking-v1": 1, "FrozenLake-v1": 1}
DIMENSIONS = {"Acrobot-v1": 6, "CartPole-v1": 4, "MountainCar-v0": 2, **DISCRETE}
CART_POLE_BOUNDS = {"low": [-2.4, -3.0, -0.2095, -3.5], "high": [2.4, 3.0, 0.2095, 3.5]}

ALWAYS_GREEDY = {"schedule": "constant", "start": 0.0, "end": None, "decay_start": None, "decay_end": None}


class Corridor(gymnasium.Env[Any, int]):
    """Places 5, 6, 7 in a row; action -1 stays, 0 walks on; -3 a step, terminated at 7.

    With `patience`, the environment itself truncates after that many steps.
    """

    observation_space = spaces.Discrete(3, start=5)
    action_space = spaces.Discrete(2, start=-1)

    def __init__(self, patience: int | None = None) -> None:
        self._patience = patience

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Back to the first place."""
        super().reset(seed=seed)
        self._place, self._steps = 5, 0
        return self._place, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Stay or walk on."""
        assert self.action_space.contains(action)
        self._place, self._steps = self._place + action + 1, self._steps + 1
        return self._place, -3.0, self._place == 7, self._steps == self._patience, {}


class Walk(Corridor):
    """The corridor with walking as the only action."""

    action_space = spaces.Discrete(1)


class Crossroads(gymnasium.Env[Any, int]):
    """Two coordinates drawn anew every step, one counted from -1; the reward is the action."""

    observation_space = spaces.MultiDiscrete([3, 4], start=[-1, 0])
    action_space = spaces.Discrete(3)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Any]:
        """To anywhere."""
        super().reset(seed=seed)
        return self._seen(), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """To anywhere; one time in ten it is the last."""
        return self._seen(), float(action), bool(self.np_random.random() < 0.1), False, {}

    def _seen(self) -> Any:
        return np.array([self.np_random.integers(-1, 2), self.np_random.integers(4)])


class Lost(gymnasium.Env[Any, int]):
    """A plane on which, at the third step, the second coordinate is lost."""

    observation_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
    action_space = spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Any]:
        """To the middle."""
        super().reset(seed=seed)
        self._steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """On."""
        self._steps += 1
        seen = np.array([0.5, np.nan if self._steps == 3 else 0.25], np.float32)
        return seen, 0.0, False, self._steps == 5, {}


@pytest.fixture(autouse=True, scope="module")
def _registered() -> Iterator[None]:
    """Gymnasium knows the environments above by id."""
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
    """A digest of every bit that training gives: each checkpoint, the returns, lengths and epsilon."""
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
"""A hyperparameter that some algorithms have, and values of it."""


@st.composite
def manners(draw: st.DrawFn, tutorial: bool, continuous: bool) -> dict[str, Any]:
    """Any algorithm, exploration, schedule, way to break ties, and tiles, as far as they go together."""
    name = "q_learning" if tutorial else draw(st.sampled_from(NAMES))
    manner = {key: draw(HYPERPARAMETERS[key]) for key in algorithm(name).hyperparameters}
    manner |= {"algorithm": name, "ties": draw(st.sampled_from(["first", "random"]))}
    tiles = continuous and algorithm(name).tiles and not tutorial and draw(st.booleans())
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
    """Any small problem that has a compiled twin, without its engine."""
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
    """Whatever the config, checkpoints, returns, lengths and epsilon are identical."""
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
def test_both_engines_agree_over_whole_episodes(env: dict[str, Any], episodes: int) -> None:
    """At the environments' own step limits, over many episodes, the engines never part."""
    values = {"env": env, "episodes": episodes, "buckets": 6, "checkpoint_every": 70}
    compiled, generic = (chunks_of(values, engine=engine) for engine in ("compiled", "gymnasium"))
    assert result(compiled) == result(generic)


def test_the_compiled_engine_gives_the_same_in_any_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many chunks one call of the kernel trains changes nothing."""
    values = {"env": {"id": "MountainCar-v0"}, "episodes": 100, "buckets": 5, "checkpoint_every": 7}
    whole = result(chunks_of(values))
    for longest, table_bytes in [(1000, 1), (1000, 2000), (14, 2**23), (3, 2**23)]:
        monkeypatch.setattr(compiled_engine, "LONGEST", longest)
        monkeypatch.setattr(compiled_engine, "TABLE_BYTES", table_bytes)
        assert result(chunks_of(values)) == whole


@settings(deadline=None)
@given(st.integers(1, 500), st.integers(1, 600), st.integers(1, 100))
def test_spans_cover_all_episodes_in_order(episodes: int, every: int, longest: int) -> None:
    """Spans follow one another from 0 to the end, none too long, and end at every checkpoint."""
    found = list(spans(episodes, every, longest))
    assert [found[0].first, found[-1].end] == [0, episodes]
    assert all(before.end == after.first for before, after in pairwise(found))
    assert all(0 < span.end - span.first <= longest for span in found)
    checkpoints = [span.end for span in found if span.checkpoint]
    assert checkpoints == [*range(every, episodes, every), episodes]


@pytest.mark.parametrize(
    ("engine", "longest"),
    [("compiled", compiled_engine.LONGEST), ("gymnasium", gymnasium_engine.LONGEST)],
)
def test_chunks_are_cut_where_the_spans_are(engine: str, longest: int) -> None:
    """An engine's chunks hold the episodes of their spans, and a table of the task's shape."""
    values = {"episodes": 2 * longest + 7, "checkpoint_every": longest + 3, "buckets": [3, 4]}
    env = {"id": "MountainCar-v0", "max_steps": 3}
    chunks = chunks_of(values, env=env, engine=engine)
    assert [chunk.span for chunk in chunks] == list(spans(2 * longest + 7, longest + 3, longest))
    for chunk in chunks:
        n = chunk.span.end - chunk.span.first
        assert [len(part) for part in (chunk.returns, chunk.lengths, chunk.epsilon)] == [n, n, n]
        assert (chunk.returns.dtype, chunk.lengths.dtype) == (np.float64, np.int32)
        assert chunk.q_table.shape == (3, 4, 3)


@pytest.mark.parametrize("engine", ["compiled", "gymnasium"])
def test_training_depends_on_its_config_alone(engine: str) -> None:
    """The same config twice, even by turns in one process, gives the same bits; another seed does not."""
    values = {"episodes": 60, "buckets": 5, "env": {"id": "MountainCar-v0", "max_steps": 50}}
    turns = [train(resolve(values | {"engine": engine, "seed": seed})) for seed in (0, 0, 1)]
    first, again, other = (list(part) for part in zip(*zip(*turns, strict=True), strict=True))
    assert result(first) == result(again)
    assert result(first)["tables"] != result(other)["tables"]


@pytest.mark.parametrize("engine", ["compiled", "gymnasium"])
def test_a_chunks_table_stays_as_it_was(engine: str) -> None:
    """Training on does not change the tables that were given."""
    values = {"episodes": 60, "buckets": 5, "env": {"id": "MountainCar-v0"}, "engine": engine}
    chunks, seen = [], []
    for chunk in train(resolve(values)):
        chunks.append(chunk)
        seen.append(digest(chunk.q_table))
    assert [digest(chunk.q_table) for chunk in chunks] == seen
    assert len(set(seen)) == len(seen)


@settings(deadline=None)
@given(st.integers(-50, 50), st.integers(0, 50), st.integers(0, 2**40))
def test_the_first_table_is_uniform_between_its_bounds(low: int, width: int, seed: int) -> None:
    """Every value lies in [low, high), or is `low` where they are equal, and spreads over the range."""
    bounds = {"low": low, "high": low + width}
    q_table = task(resolve({"buckets": 20, "initial_q": bounds, "seed": seed})).table(0)
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
    """After one episode in the corridor, Q is what pencil and paper give, whoever truncates."""
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


def test_values_travel_back_by_one_place_an_episode() -> None:
    """The second episode in the corridor builds on the first one's values."""
    [chunk] = chunks_of(
        {"env": {"id": "qsweep-test/Walk-v0", "max_steps": 9}, "episodes": 2},
        discount=0.9,
        learning_rate=0.5,
        initial_q={"low": 1, "high": 1},
    )
    # 5: -0.55 + (-3 + 0.9 * -1 + 0.55) / 2 = -2.225; 6: -1 + (-3 + 1) / 2 = -2.
    np.testing.assert_allclose(chunk.q_table.ravel(), [-2.225, -2.0, 1.0], rtol=0, atol=1e-15)


def test_of_equal_values_the_first_action_is_taken() -> None:
    """Without exploration and with all values alike, the car is pushed left, and the corridor stays."""
    greedy = {"epsilon": ALWAYS_GREEDY, "initial_q": {"low": 0, "high": 0}, "episodes": 1}
    [chunk] = chunks_of(greedy, env={"id": "qsweep-test/Corridor-v0", "max_steps": 1})
    assert np.argwhere(chunk.q_table).tolist() == [[0, 0]]
    for engine in ("compiled", "gymnasium"):
        [chunk] = chunks_of(greedy, env={"id": "MountainCar-v0", "max_steps": 1}, engine=engine)
        assert np.argwhere(chunk.q_table)[:, 2].tolist() == [0]


def test_always_exploring_tries_actions_equally_often() -> None:
    """With epsilon 1.5 all three actions are taken, each about a third of the time."""
    values = {"epsilon": ALWAYS_GREEDY | {"start": 1.5}, "episodes": 400}
    chunks = chunks_of(values, env={"id": "qsweep-test/Crossroads-v0", "max_steps": 30})
    steps = sum(int(chunk.lengths.sum()) for chunk in chunks)
    mean = sum(float(chunk.returns.sum()) for chunk in chunks) / steps
    assert steps > 3000
    assert abs(mean - 1.0) < 5 * (2 / 3 / steps) ** 0.5


def test_numbers_that_do_not_start_at_zero_are_learned() -> None:
    """Observations 5 to 7 and actions -1 and 0 fill a table of 3 by 2, and the way out is found."""
    chunks = chunks_of(
        {"env": {"id": "qsweep-test/Corridor-v0", "max_steps": 20}, "episodes": 200},
        initial_q={"low": 0, "high": 0},
    )
    assert chunks[-1].q_table.shape == (3, 2)
    assert chunks[-1].q_table.argmax(axis=1)[:2].tolist() == [1, 1]
    assert chunks[-1].lengths[-1] == 2


def test_a_multidiscrete_observation_has_a_dimension_each() -> None:
    """A MultiDiscrete observation of 3 by 4, one of them counted from -1, fills every cell of its table."""
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
    """Gymnasium's toy environments need no buckets; the same seed gives the same bits."""
    values = {"env": {"id": env_id, "max_steps": 50}, "episodes": 30, "seed": 3}
    chunks = chunks_of(values)
    assert chunks[-1].q_table.shape == shape
    assert result(chunks) == result(chunks_of(values))
    assert (chunks[-1].q_table != task(resolve(values)).table(0)).any()


def test_arguments_reach_the_environment() -> None:
    """Without slipping, FrozenLake's first step to the right is always cell 1, and is all that changes."""
    values = {"initial_q": {"low": 1, "high": 1}, "epsilon": ALWAYS_GREEDY, "episodes": 1}
    env = {"id": "FrozenLake-v1", "kwargs": {"is_slippery": False, "map_name": "8x8"}, "max_steps": 1}
    [chunk] = chunks_of(values, env=env)
    assert chunk.q_table.shape == (64, 4)
    assert np.argwhere(chunk.q_table != 1).tolist() == [[0, 0]]


def test_what_cannot_be_trained_is_refused_at_once() -> None:
    """An environment that Gymnasium cannot make raises when training is asked for, not later."""
    config = resolve({"env": {"id": "qsweep-test/Walk-v0"}})
    gone = replace(config, env=replace(config.env, id="qsweep-test/Nowhere-v0"))
    with pytest.raises(UsageError, match=r"env\.id"):
        train(gone)


@pytest.mark.parametrize("interpreted", [False, True])
@pytest.mark.parametrize("discretizer", ["uniform", "tiles"])
def test_an_observation_that_is_not_a_number_ends_training(discretizer: str, interpreted: bool) -> None:
    """NaN lies in no bucket: it is named as what it is before machine code looks for one."""
    made: dict[str, Any] = {"env": {"id": "qsweep-test/Lost-v0"}, "buckets": 4, "episodes": 3}
    if discretizer == "tiles":
        made |= {"discretizer": "tiles", "tilings": 2}
    gave = pytest.raises(ValueError, match=r"qsweep-test/Lost-v0 gave an observation with NaN: \[0.5, nan\]")
    with gave, np.errstate(over="ignore"):
        list(gymnasium_engine.train(task(resolve(made)), interpreted=interpreted))


def test_epsilon_and_step_size_of_each_episode() -> None:
    """Epsilon is at most 1; the learning rate falls in a line, and is shared among the tilings."""
    linear = {"learning_rate_schedule": "linear", "learning_rate": 0.4, "learning_rate_end": 0.0}
    decay = {"schedule": "linear", "start": 1.5, "end": 0.0, "decay_start": 0, "decay_end": 3}
    made: dict[str, Any] = {**linear, "episodes": 5, "epsilon": decay}
    expected = [[1.0, 0.4], [1.0, 0.3], [0.5, 0.2], [0.0, 0.1], [0.0, 0.0]]
    assert paces(task(resolve(made)), np.arange(5)) == pytest.approx(np.array(expected))
    tiles = task(resolve({**made, "discretizer": "tiles", "tilings": 4}))
    assert paces(tiles, np.arange(5))[:, 1] == pytest.approx([0.1, 0.075, 0.05, 0.025, 0.0])


def test_one_episode_has_the_whole_learning_rate() -> None:
    """A run of one episode learns by the rate that it begins with."""
    linear = {"learning_rate_schedule": "linear", "learning_rate": 0.4, "learning_rate_end": 0.0}
    assert paces(task(resolve({**linear, "episodes": 1})), np.arange(1))[0, 1] == 0.4


def test_an_agent_has_what_its_config_says() -> None:
    """Visits are kept where they count; temperature or confidence is the exploration's parameter."""
    plain, softmax, ucb, visits = (
        learner(task(resolve({"buckets": 3, **more}))).agent
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
    assert [agent.falling for agent in (plain, visits)] == [False, True]
    assert len({agent.exploration for agent in (plain, softmax, ucb)}) == 3


def test_with_tiles_the_sum_lies_between_the_bounds() -> None:
    """First values are parts of what they add up to."""
    made = task(resolve({"discretizer": "tiles", "tilings": 4, "initial_q": {"low": -2.0, "high": -1.0}}))
    table = made.table(0)
    assert table.shape == (4, 21, 21, 3)
    assert -0.5 <= table.min() < table.max() < -0.25


def test_the_tutorials_rule_learns_nothing_where_time_ran_out() -> None:
    """Under it, the step that the limit cut short changes neither table nor visits."""
    values = {"env": {"id": "qsweep-test/Walk-v0", "max_steps": 1}, "episodes": 4, "epsilon": ALWAYS_GREEDY}
    standard, tutorial = (
        chunks_of(values, terminal_rule=rule, initial_q={"low": 0.0, "high": 0.0})[-1].q_table
        for rule in ("standard", "tutorial")
    )
    assert tutorial.tolist() == [[0.0]] * 3
    assert standard[0, 0] < 0.0


def by_config(configs: list[Any]) -> list[dict[str, Any]]:
    """The digests of configs that are trained together."""
    return _digests(configs, train_blocks(configs))


def in_one_loop(configs: list[Any]) -> list[dict[str, Any]]:
    """The same, by turns even where that takes no less time."""
    return _digests(configs, compiled_engine.train_together([task(config) for config in configs]))


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
OTHER_NUMBERS = (2, 3, 5)
"""Of seeds in one loop, besides LANES, which a sweep uses: each is a loop of its own to compile."""


@pytest.mark.slow
@pytest.mark.parametrize("place", range(len(SEVERAL)), ids=[values["env"]["id"] for values in SEVERAL])
@pytest.mark.parametrize("name", NAMES)
def test_seeds_by_turns_are_what_each_is_alone(
    name: str, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one to five seeds, every table, return and length is that of the seed on its own, to the bit.

    One loop holds LANES seeds for every algorithm in every environment, and each other number of them for
    every environment and for a third of the algorithms.
    """
    monkeypatch.setattr(
        compiled_engine, "LONGEST", 40
    )  # several calls, in which lanes end at different steps
    own = {key: GIVEN[key] for key in algorithm(name).hyperparameters}
    made = SEVERAL[place] | {"algorithm": name, "buckets": 5, "checkpoint_every": 17} | own
    configs = [resolve(made | {"seed": seed}) for seed in (3, 0, 11, 4, 2**40)]
    alone = [result(list(train(config))) for config in configs]
    assert len({part["tables"][17] for part in alone}) == len(alone)
    for count in range(1, 6):
        assert by_config(configs[:count]) == alone[:count]
    number, turn = NAMES.index(name), (NAMES.index(name) + place) % len(SEVERAL)
    for count in (LANES, *(OTHER_NUMBERS[number // 3 : number // 3 + 1] if turn == 0 else ())):
        assert in_one_loop(configs[:count]) == alone[:count]


@pytest.mark.parametrize(
    "more",
    [
        {"exploration": "softmax", "temperature": 0.5, "ties": "random"},
        {"discretizer": "tiles", "tilings": 3},
        {"terminal_rule": "tutorial", "engine": "gymnasium"},
    ],
)
def test_any_manner_of_seeds_by_turns(more: dict[str, Any]) -> None:
    """Other explorations, tiles and the other engine give each seed's own result, too."""
    made = {"env": {"id": "MountainCar-v0", "max_steps": 70}, "episodes": 20, "buckets": 5, **more}
    configs = [resolve(made | {"seed": seed}) for seed in range(3)]
    assert by_config(configs) == [result(list(train(config))) for config in configs]


def test_configs_that_are_not_alike_follow_one_another() -> None:
    """Configs that differ by more than their seed are trained as well; none at all are nothing."""
    made: dict[str, Any] = {"env": {"id": "MountainCar-v0", "max_steps": 50}, "episodes": 12}
    configs = [resolve(made | {"buckets": buckets, "seed": buckets}) for buckets in (4, 5)]
    assert by_config(configs) == [result(list(train(config))) for config in configs]
    assert list(train_blocks([])) == []
