"""Everything with everything: algorithms, environments, discretisers, explorations, schedules, engines."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import yaml

from qsweep.environments.resolved import Resolved
from qsweep.errors import UsageError
from qsweep.learning.algorithms import NAMES
from qsweep.learning.blocks import chunks
from qsweep.learning.engines import compiled_engine, gymnasium_engine
from qsweep.learning.initial_table import initial_table
from qsweep.learning.training import Chunk
from qsweep.plan.composition import load_resolved
from qsweep.plan.conf import conf_folder
from tests.support.interpreted import train_interpreted
from tests.support.optional_packages import skip_without_packages

pytestmark = pytest.mark.slow  # it compiles most loops that there are

CONF = conf_folder()


def presets(group: str) -> list[str]:
    """The presets of a group."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


COMPILED = [
    "acrobot",
    "blackjack",
    "cart_pole",
    "cliff_walking",
    "frozen_lake",
    "frozen_lake_8x8",
    "mdp",
    "mountain_car",
    "taxi",
]
"""Presets that have a compiled twin."""
SHARING = ("cliff_walking", "frozen_lake_8x8", "mdp", "taxi")
"""Twins of tables beside frozen_lake: with random ties they share a loop, else each compiles its own."""
COMPILED_ANYWAY = ("expected_sarsa", "q_learning")
"""Algorithms that other tests compile for any agent in the cart and pole; all are compiled so in the car."""
ALIKE = ("epsilon_greedy", "softmax", "ucb")
SMALL = {"acrobot": 3, "cart_pole": 4, "lunar_lander": 2, "mountain_car": 6, "pendulum": 4}
"""Preset -> its buckets here."""


def small(preset: str, *lines: str) -> Resolved:
    """A config of smoke size: three episodes of at most 50 steps, a table after each."""
    skip_without_packages(preset)
    size = [f"buckets={SMALL[preset]}"] if preset in SMALL else []
    most = ["env.max_steps=50", "episodes=3", "checkpoint_every=1", "tracking=none"]
    most += ["initial_q.low=-1", "initial_q.high=1"]
    return load_resolved([f"env={preset}", *size, *most, "epsilon=constant", "epsilon.start=0.4", *lines])


def assert_same(one: list[Chunk], other: list[Chunk]) -> None:
    """Two runs agree in every table, return and length, to the bit."""
    assert [chunk.span for chunk in one] == [chunk.span for chunk in other]
    for a, b in zip(one, other, strict=True):
        for name in ("q_table", "returns", "lengths", "epsilon"):
            first, second = getattr(a, name), getattr(b, name)
            assert (first.dtype, first.shape) == (second.dtype, second.shape)
            assert first.tobytes() == second.tobytes(), name


def learned(run: Resolved, trained: list[Chunk]) -> npt.NDArray[np.bool_]:
    """Which values of the last table are no more those of the first one; all are finite."""
    first = initial_table(run.config, run)
    if run.config.algorithm == "double_q_learning":
        first = (first + initial_table(run.config, run, 1)) / 2
    last = trained[-1].q_table
    assert last.shape == run.shape
    assert np.isfinite(last).all()
    found: npt.NDArray[np.bool_] = last != first
    return found


@pytest.mark.parametrize("preset", presets("env"))
@pytest.mark.parametrize("name", NAMES)
def test_every_algorithm_trains_every_environment(name: str, preset: str) -> None:
    """Each trains at smoke size; where there are two engines, they give the same bits."""
    shared = preset in SHARING and name not in COMPILED_ANYWAY
    run = small(preset, f"algorithm={name}", f"ties={'random' if shared else 'first'}")
    assert run.config.engine == ("compiled" if preset in COMPILED else "gymnasium")
    found = list(chunks(gymnasium_engine.train(run)))
    steps = sum(int(chunk.lengths.sum()) for chunk in found)
    assert 0 < learned(run, found).sum() <= steps
    if preset in COMPILED:
        assert_same(list(chunks(compiled_engine.train(run, {}))), found)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("preset", ["mountain_car", "blackjack"])
def test_the_interpreter_does_the_same(name: str, preset: str) -> None:
    """The lines that are compiled do the same when Python runs them."""
    run = small(preset, f"algorithm={name}", "ties=random")
    with np.errstate(over="ignore"):
        plain = train_interpreted(run)
    assert_same(plain, list(chunks(gymnasium_engine.train(run))))


def combinations() -> list[tuple[str, ...]]:
    """Every discretiser with every exploration, learning rate schedule and way to break ties."""
    groups: list[list[str]] = [
        ["uniform", "quantile", "tiles"],
        list(ALIKE),
        presets("learning_rate_schedule"),
    ]
    return list(product(*groups, ["first", "random"]))


def refused(discretizer: str, exploration: str, schedule: str) -> bool:
    """Whether a combination is one that qsweep says no to: tiles have no visits of their own."""
    return discretizer == "tiles" and (exploration == "ucb" or schedule == "visits")


@pytest.mark.parametrize("name", ["q_learning", "sarsa_lambda"])
@pytest.mark.parametrize(("discretizer", "exploration", "schedule", "ties"), combinations())
def test_every_combination_trains(
    name: str, discretizer: str, exploration: str, schedule: str, ties: str
) -> None:
    """Each combination trains the same on both engines, or is refused in words."""
    lines = [f"discretizer={discretizer}", f"exploration={exploration}", f"ties={ties}"]
    lines += [f"learning_rate_schedule={schedule}", f"algorithm={name}"]
    if refused(discretizer, exploration, schedule):
        with pytest.raises(UsageError, match="tiles cannot be used where visits are counted"):
            small("mountain_car", *lines)
        return
    run = small("mountain_car", *lines)
    found = list(chunks(compiled_engine.train(run, {})))
    assert learned(run, found).any()
    assert_same(found, list(chunks(gymnasium_engine.train(run))))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("discretizer", ["quantile", "tiles"])
def test_every_algorithm_on_every_discretiser(name: str, discretizer: str) -> None:
    """Learned edges and tiles serve all algorithms that can have them, with the same bits in both engines."""
    lines = [f"algorithm={name}", f"discretizer={discretizer}"]
    preset = "cart_pole" if name in COMPILED_ANYWAY else "mountain_car"
    if discretizer == "tiles" and name in ("dyna_q", "monte_carlo"):
        with pytest.raises(UsageError, match="one cell per state"):
            small(preset, *lines)
        return
    run = small(preset, *lines)
    found = list(chunks(compiled_engine.train(run, {})))
    assert learned(run, found).any()
    assert_same(found, list(chunks(gymnasium_engine.train(run))))


@pytest.mark.parametrize("preset", COMPILED)
@pytest.mark.parametrize("exploration", ALIKE)
def test_every_exploration_in_every_twin(preset: str, exploration: str) -> None:
    """Softmax and UCB choose the same in both engines, wherever there are two."""
    run = small(preset, f"exploration={exploration}", "ties=random", "algorithm=expected_sarsa")
    assert_same(
        list(chunks(compiled_engine.train(run, {}))),
        list(chunks(gymnasium_engine.train(run))),
    )


def test_every_preset_of_a_discretiser_trains() -> None:
    """A named discretiser trains on the environment that its command names."""
    named = [name for name in presets("discretizer") if name not in ("uniform", "quantile", "tiles")]
    for name in named:
        preset = next(env for env in presets("env") if name.startswith(env))
        run = load_resolved([f"env={preset}", f"discretizer={name}", "episodes=3", "tracking=none"])
        given = yaml.safe_load((CONF / "discretizer" / f"{name}.yaml").read_text())
        assert run.config.discretizer == given["discretizer"]
        assert len(list(chunks(compiled_engine.train(run, {})))) >= 1
    assert named


def test_fewer_actions_in_some_states() -> None:
    """With `actions_in`, values of actions that are not there stay out of it, in both engines."""
    for name in NAMES:
        lines: list[Any] = ["env=frozen_lake", "env.id=qsweep/MaximizationBias-v0", f"algorithm={name}"]
        run = load_resolved([*lines, "episodes=40", "tracking=none", "ties=random"])
        found = list(chunks(compiled_engine.train(run, {})))
        assert_same(found, list(chunks(gymnasium_engine.train(run))))
        assert np.isneginf(found[-1].q_table[2, 2:]).all()
        assert np.isfinite(found[-1].q_table[2, :2]).all()
        assert np.isfinite(found[-1].q_table[1]).all()
