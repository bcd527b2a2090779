"""The algorithms in both engines, compared with the book's pseudocode boxes and with each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import pytest

from qsweep.config import Config
from qsweep.environments.resolved import Resolved
from qsweep.environments.textbook.table_environment import Outcomes, TableEnvironment
from qsweep.learning.algorithms import NAMES
from qsweep.learning.initial_table import initial_table
from qsweep.learning.rates import epsilon
from qsweep.learning.training import train
from qsweep.plan.composition import load_config, load_resolved
from qsweep.seeds import streams
from tests.support.boxes import BOXES, Book
from tests.support.interpreted import train_interpreted
from tests.support.splitmix64 import uniforms

pytestmark = pytest.mark.slow  # it compiles most loops that there are

STATES, ACTIONS = 7, 4
"""As many actions as on the ice, so that both need one compilation."""


class Random(TableEnvironment):
    """Seven states and four actions with random outcomes, some of which end the episode."""

    def __init__(self, render_mode: str | None = None) -> None:
        generator = np.random.default_rng(4)
        p: Outcomes = {s: {a: [] for a in range(ACTIONS)} for s in range(STATES)}
        for s in range(STATES):
            for a in range(ACTIONS):
                for probability in generator.dirichlet([1.0] * 3).tolist():
                    after, r = int(generator.integers(STATES)), float(generator.normal())
                    p[s][a].append((probability, after, r, bool(generator.random() < 0.06)))
        super().__init__(p, ("..S" + "." * (STATES - 3),), render_mode)


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    """Register the environment of this file."""
    gymnasium.register("Random-v0", entry_point=Random)
    yield
    del gymnasium.registry["Random-v0"]


RANDOM = ["env=frozen_lake", "env.id=Random-v0", "env.max_steps=25", "discount=0.9", "checkpoint_every=40"]
RANDOM += ["initial_q.low=-1", "initial_q.high=1", "tracking=none", "episodes=120", "learning_rate=0.3"]


def trained(*lines: str, interpreted: bool = False) -> list[npt.NDArray[Any]]:
    """Return every Q-table, array of returns and array of lengths of a run, in order."""
    run = load_resolved([*lines, "tracking=none"])
    with np.errstate(over="ignore"):
        found = train_interpreted(run) if interpreted else train(run)
        return [part for chunk in found for part in (chunk.q_table, chunk.returns, chunk.lengths)]


def assert_same(one: Sequence[npt.NDArray[Any]], other: Sequence[npt.NDArray[Any]]) -> None:
    """Check that two runs are equal bit for bit."""
    assert len(one) == len(other)
    assert all(a.dtype == b.dtype for a, b in zip(one, other, strict=True))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))


def by_the_book(config: Config) -> tuple[npt.NDArray[np.float64], list[float], list[int]]:
    """Return the last Q-table, the returns and the lengths by the pseudocode box of an algorithm."""
    made, random = Resolved.of(config), streams(config.seed)
    tables = [initial_table(config, made, number) for number in (0, 1)]
    q1, q2 = ({(s, a): float(t[s, a]) for s in range(STATES) for a in range(ACTIONS)} for t in tables)
    double = config.algorithm == "double_q_learning"
    book = Book(
        env=gymnasium.make("Random-v0", max_episode_steps=config.env.max_steps, disable_env_checker=True),
        actions=ACTIONS,
        q={pair: (q1[pair] + q2[pair]) / 2 for pair in q1} if double else dict(q1),
        draws=(u for block in count() for u in uniforms(random.exploration, 1000 * block, 1000).tolist()),
        alpha=step_size(config, 0),
        gamma=config.discount,
        memory={"q1": q1, "q2": q2, "n": config.n, "planning_steps": config.planning_steps},
    )
    book.memory |= {"trace_decay": config.trace_decay, "traces": config.traces}
    returns, lengths = [], []
    for episode in range(config.episodes):
        book.epsilon = min(float(epsilon(config, np.array([episode]))[0]), 1.0)
        book.alpha = step_size(config, episode)
        BOXES[config.algorithm](book, random.environment if episode == 0 else None)
        returns.append(book.total)
        lengths.append(book.length)
    table = np.array([[book.q[s, a] for a in range(ACTIONS)] for s in range(STATES)])
    return table, returns, lengths


def step_size(config: Config, episode: int) -> Callable[[int], float]:
    """Return alpha of a pair as a function of its visits, in an episode."""
    alpha = config.learning_rate
    match config.learning_rate_schedule:
        case "linear":
            assert config.learning_rate_end is not None
            alpha += (config.learning_rate_end - alpha) * episode / (config.episodes - 1)
        case "visits":
            return lambda visits: alpha / max(visits, 1)
    return lambda _: alpha


VARIANTS = {
    "q_learning": ["algorithm=q_learning"],
    "sarsa": ["algorithm=sarsa"],
    "expected_sarsa": ["algorithm=expected_sarsa"],
    "double_q_learning": ["algorithm=double_q_learning"],
    "n_step_sarsa, 1": ["algorithm=n_step_sarsa", "n=1"],
    "n_step_sarsa, 3": ["algorithm=n_step_sarsa", "n=3"],
    "n_step_sarsa, 60": ["algorithm=n_step_sarsa", "n=60"],
    "monte_carlo": ["algorithm=monte_carlo"],
    "sarsa_lambda, replacing": ["algorithm=sarsa_lambda", "traces=replacing"],
    "sarsa_lambda, accumulating": ["algorithm=sarsa_lambda", "traces=accumulating", "trace_decay=0.7"],
    "sarsa_lambda, 1": ["algorithm=sarsa_lambda", "trace_decay=1"],
    "q_lambda, replacing": ["algorithm=q_lambda", "traces=replacing"],
    "q_lambda, accumulating": ["algorithm=q_lambda", "traces=accumulating", "trace_decay=0.7"],
    "dyna_q, 1": ["algorithm=dyna_q", "planning_steps=1"],
    "dyna_q, 7": ["algorithm=dyna_q", "planning_steps=7"],
}
RATES = {
    "constant": [],
    "linear": ["learning_rate_schedule=linear", "learning_rate=0.4", "learning_rate_end=0.1"],
    "visits": ["learning_rate_schedule=visits", "learning_rate=1"],
}


@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_books_boxes_give_the_same_result(variant: str, rates: str) -> None:
    """The engine learns the same values as the textbook's pseudocode, written with dictionaries."""
    lines = [*RANDOM, *VARIANTS[variant], *RATES[rates], "epsilon=constant", "epsilon.start=0.3"]
    config = load_config(lines)
    assert config.engine == "compiled"
    table, returns, lengths = by_the_book(config)
    chunks = list(train(config))
    # The engine drops traces below 1e-10, and sums in another order.
    assert chunks[-1].q_table == pytest.approx(table, rel=1e-8, abs=1e-8)
    assert np.concatenate([chunk.returns for chunk in chunks]) == pytest.approx(returns, abs=1e-9)
    assert np.concatenate([chunk.lengths for chunk in chunks]).tolist() == lengths
    ended = {"truncated": 25 in lengths, "terminated": min(lengths) < 25}
    assert ended == {"truncated": True, "terminated": True}


@pytest.mark.parametrize("variant", ["q_learning", "n_step_sarsa, 3", "q_lambda, replacing", "monte_carlo"])
def test_the_books_boxes_while_epsilon_decays(variant: str) -> None:
    """With epsilon decaying from above 1 to 0, pseudocode and engine still agree."""
    config = load_config([*RANDOM, *VARIANTS[variant], "epsilon.start=1.5", "epsilon.decay_end=100"])
    table, _, lengths = by_the_book(config)
    *_, last = train(config)
    assert last.q_table == pytest.approx(table, rel=1e-8, abs=1e-8)
    assert last.lengths.tolist() == lengths[-len(last.lengths) :]


def test_every_algorithm_has_its_box() -> None:
    """Every algorithm has a pseudocode box and a variant above."""
    assert set(BOXES) == set(NAMES) == {name.split(",")[0] for name in VARIANTS}


@pytest.mark.parametrize("variant", VARIANTS)
def test_both_engines_and_the_interpreter_agree(variant: str) -> None:
    """On transition tables, the compiled, the Gymnasium and the interpreted run agree bit for bit."""
    lines = [*RANDOM, *VARIANTS[variant], "episodes=60", "checkpoint_every=20"]
    compiled = trained(*lines)
    assert_same(compiled, trained(*lines, "engine=gymnasium"))
    assert_same(compiled, trained(*lines, interpreted=True))


CAR = ["episodes=40", "buckets=8", "learning_rate=0.5", "epsilon=constant", "epsilon.start=0.2"]
LAKE = ["env=frozen_lake", "episodes=200", "initial_q.low=-1", "epsilon=constant", "epsilon.start=0.2"]
PLACES = {"car": CAR, "lake": LAKE}
EQUALS: list[tuple[list[str], list[str]]] = [
    (["algorithm=q_lambda", "trace_decay=0"], ["algorithm=q_learning"]),
    (["algorithm=q_lambda", "trace_decay=0", "traces=accumulating"], ["algorithm=q_learning"]),
    (["algorithm=sarsa_lambda", "trace_decay=0"], ["algorithm=sarsa"]),
    (["algorithm=sarsa_lambda", "trace_decay=0", "traces=accumulating"], ["algorithm=sarsa"]),
    (["algorithm=n_step_sarsa", "n=1"], ["algorithm=sarsa"]),
    (["algorithm=dyna_q", "planning_steps=0"], ["algorithm=q_learning"]),
    (["algorithm=expected_sarsa", "epsilon.start=0"], ["algorithm=q_learning", "epsilon.start=0"]),
]


@pytest.mark.parametrize("more", [[], ["learning_rate_schedule=visits", "learning_rate=1"], ["ties=random"]])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("one", "other"), EQUALS, ids=[" ".join(one) for one, _ in EQUALS])
def test_special_cases_equal_other_algorithms(
    one: list[str], other: list[str], place: str, more: list[str]
) -> None:
    """An algorithm that its hyperparameters turn into another agrees with that one bit for bit."""
    found = [trained(*PLACES[place], *lines, *more) for lines in (one, other)]
    if "ties=random" in more and one[0] == "algorithm=expected_sarsa":
        # The mean over equally good actions may differ from their value by rounding.
        assert all(a == pytest.approx(b, abs=1e-9) for a, b in zip(*found, strict=True))
    else:
        assert_same(*found)


@pytest.mark.parametrize(
    ("one", "other"), [(one, other) for one, other in EQUALS if "expected" not in one[0]]
)
@pytest.mark.parametrize("exploration", ["softmax", "ucb"])
def test_special_cases_with_other_explorations(one: list[str], other: list[str], exploration: str) -> None:
    """The equalities also hold under softmax and UCB."""
    lines = ["episodes=20", "buckets=8", f"exploration={exploration}"]
    assert_same(trained(*lines, *one), trained(*lines, *other))


@pytest.mark.parametrize(("one", "other"), [(one, other) for one, other in EQUALS if "dyna" not in one[0]])
def test_special_cases_on_tiles(one: list[str], other: list[str]) -> None:
    """The equalities also hold for sums over tiles."""
    lines = [*CAR, "discretizer=tiles", "tilings=4"]
    assert_same(trained(*lines, *one), trained(*lines, *other))


@pytest.mark.parametrize("place", PLACES)
def test_double_q_learning_records_the_mean_of_its_tables(place: str) -> None:
    """The agent's table is the mean of the two learned tables, before and after training."""
    from qsweep.learning.engines.learner import learner

    run = load_resolved([*PLACES[place], "algorithm=double_q_learning", "tracking=none"])
    encode, learning = run.description.encode, learner(run)
    assert learning.agent.q.tolist() == ((learning.memory.q1 + learning.memory.q2) / 2).tolist()
    assert not np.array_equal(learning.memory.q1, learning.memory.q2)
    assert (
        learning.memory.q1.tolist() == initial_table(run.config, run).reshape(learning.agent.q.shape).tolist()
    )
    with np.errstate(over="ignore"):
        env = run.make()
        seen, _ = env.reset(seed=streams(run.config.seed).environment)
        a = learning.begin(learning.agent, learning.memory, np.array(encode(seen)))
        for _ in range(100):
            seen, r, terminated, truncated, _ = env.step(a)
            observation = np.array(encode(seen))
            a = learning.observe(
                learning.agent, learning.memory, observation, float(r), terminated, truncated
            )
            if a < 0:
                a = learning.begin(learning.agent, learning.memory, np.array(encode(env.reset()[0])))
    assert learning.agent.q.tolist() == ((learning.memory.q1 + learning.memory.q2) / 2).tolist()


@pytest.mark.parametrize("name", NAMES)
def test_seeds_differ_and_repeat(name: str) -> None:
    """The same seed gives the same run, and another seed another one."""
    lines = [*CAR, f"algorithm={name}", "episodes=15"]
    first = trained(*lines, "seed=1")
    assert_same(first, trained(*lines, "seed=1"))
    assert first[-3].tobytes() != trained(*lines, "seed=2")[-3].tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_checkpoints_do_not_change_a_run(name: str) -> None:
    """A run with many checkpoints equals one without: traces, models and tables persist across calls."""
    lines = [*CAR, f"algorithm={name}", "episodes=30"]
    once, often = (trained(*lines, f"checkpoint_every={n}") for n in (30, 4))
    assert once[0].tobytes() == often[-3].tobytes()
    assert np.concatenate(often[1::3]).tobytes() == once[1].tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_every_algorithm_finds_the_shortest_path(name: str) -> None:
    """Each algorithm finds a shortest path over ice that is not slippery, of 6 steps."""
    lines = ["env=frozen_lake", "env.kwargs.is_slippery=false", "episodes=3000", f"algorithm={name}"]
    lines += ["epsilon=constant", "epsilon.start=0.1", "initial_q.high=1", "ties=random", "initial_q.low=1"]
    *_, last = train(load_config([*lines, "tracking=none", "discount=0.95", "learning_rate=0.2"]))
    env, state, steps = gymnasium.make("FrozenLake-v1", is_slippery=False), 0, 0
    env.reset(seed=0)
    over = False
    while not over:
        state, reward, terminated, truncated, _ = env.step(int(last.q_table[state].argmax()))
        steps, over = steps + 1, terminated or truncated
    assert (steps, float(reward)) == (6, 1.0)
