"""Every key of a config either can change a result, or is left out of variants."""

from __future__ import annotations

import hashlib
import json
from functools import cache

import pytest

from qsweep.config import RULES, WITHOUT_EFFECT, config_hash, flatten, record
from qsweep.environments.resolved import Resolved
from qsweep.learning.blocks import Block
from qsweep.plan.composition import load_resolved
from qsweep.policies.evaluation.evaluator import Evaluator
from qsweep.tracking.checkpoints import sha256
from tests.support.interpreted import train_interpreted

pytestmark = pytest.mark.slow

LAKE = (
    *("env=frozen_lake", "episodes=150", "engine=gymnasium", "evaluation.test_episodes=50"),
    *("initial_q.low=-1", "initial_q.high=1"),
)
CAR = ("env=mountain_car", "episodes=3", "engine=gymnasium", "evaluation.test_episodes=2")
POLE = ("env=cart_pole", "episodes=60", "engine=gymnasium", "evaluation.test_episodes=20")
PENDULUM = ("env=pendulum", *CAR[1:], "evaluation.episodes=2")
LATE = ("epsilon.decay_start=10", "epsilon.decay_end=100", "epsilon.end=0.1")

CASES: dict[str, tuple[tuple[str, ...], str, str]] = {
    "env.id": (LAKE, "FrozenLake-v1", "FrozenLake8x8-v1"),
    "env.low": (CAR, "[-1.2,-0.07]", "[-1,-0.07]"),
    "env.high": (CAR, "[0.6,0.07]", "[0.6,0.05]"),
    "env.max_steps": (CAR, "200", "150"),
    "env.kwargs": (LAKE, "{is_slippery:true}", "{is_slippery:false}"),
    "env.reset_options": (CAR, "{low:-0.6,high:-0.5}", "{low:-0.5,high:-0.4}"),
    "env.actions": (PENDULUM, "3", "5"),
    "env.wrapper": (CAR, "null", "gymnasium.wrappers:NormalizeReward"),
    "epsilon.schedule": ((*LAKE, *LATE), "linear", "exponential"),
    "epsilon.start": (LAKE, "0.5", "1.0"),
    "epsilon.end": (LAKE, "0.0", "0.2"),
    "epsilon.decay_start": (LAKE, "1", "50"),
    "epsilon.decay_end": (LAKE, "75", "140"),
    "initial_q.low": (CAR, "-2", "-1"),
    "initial_q.high": (CAR, "0", "1"),
    "evaluation.checkpoints": (LAKE, "15", "1"),
    "evaluation.episodes": (POLE, "20", "1"),
    "evaluation.test_episodes": (LAKE, "50", "51"),
    "algorithm": (LAKE, "q_learning", "expected_sarsa"),
    "trace_decay": ((*LAKE, "algorithm=sarsa_lambda"), "0.9", "0.5"),
    "traces": ((*LAKE, "algorithm=sarsa_lambda"), "replacing", "accumulating"),
    "n": ((*LAKE, "algorithm=n_step_sarsa"), "4", "2"),
    "planning_steps": ((*LAKE, "algorithm=dyna_q"), "5", "1"),
    "learning_rate": (LAKE, "0.1", "0.2"),
    "learning_rate_schedule": (LAKE, "constant", "visits"),
    "learning_rate_end": ((*LAKE, "learning_rate_schedule=linear"), "0.05", "0.01"),
    "exploration": ((*LAKE, "exploration=softmax"), "softmax", "epsilon_greedy"),
    "temperature": ((*LAKE, "exploration=softmax"), "1", "0.1"),
    "confidence": ((*LAKE, "exploration=ucb"), "2", "0.1"),
    "ties": ((*CAR, "initial_q.low=0", "initial_q.high=0"), "first", "random"),
    "discretizer": (CAR, "uniform", "quantile"),
    "tilings": ((*CAR, "discretizer=tiles"), "8", "4"),
    "discount": (LAKE, "0.95", "0.9"),
    "buckets": (CAR, "20", "10"),
    "episodes": (LAKE, "150", "140"),
    "steps": (LAKE, "null", "300"),
    "seed": (LAKE, "0", "1"),
    "checkpoint_every": (LAKE, "10", "150"),
    "terminal_rule": (CAR, "standard", "tutorial"),
}
"""Key -> overrides, and two values of it that give different results."""
GROUPS = ("algorithm", "exploration", "learning_rate_schedule", "discretizer")
"""Keys that are also groups of presets."""


@cache
def resolved(overrides: tuple[str, ...]) -> Resolved:
    """Return the resolved config of overrides."""
    return load_resolved(list(overrides))


@cache
def result(overrides: tuple[str, ...]) -> tuple[str, int, bytes]:
    """Train and evaluate; return the hash of the last Q-table, the chosen checkpoint and the test returns."""
    evaluator, last = Evaluator(resolved(overrides)), None
    for chunk in train_interpreted(resolved(overrides)):
        last = chunk.q_table
        block = Block((chunk.span,), chunk.returns, chunk.lengths, chunk.epsilon, last[None], chunk.state)
        list(evaluator.receive(block))
    assert last is not None
    found = evaluator.result()
    return sha256(last), found.episodes, found.test.returns.tobytes()


def test_every_key_that_makes_variants_has_a_case() -> None:
    """A key without a case either needs one, or belongs into WITHOUT_EFFECT."""
    deciding = {key for key in RULES if key.partition(".")[0] not in WITHOUT_EFFECT}
    assert deciding - set(CASES) == {
        "initial_q.from",
        "initial_q.sha256",
    }  # tests/runs/test_starting_table.py


@pytest.mark.parametrize("key", CASES)
def test_a_key_that_makes_variants_can_change_a_result(key: str) -> None:
    """Two values of the key give different Q-tables, checkpoints or scores."""
    shared, *values = CASES[key]
    both = [(*shared, f"{key}={value}") for value in values]
    one, other = (flatten(record(resolved(overrides).config)) for overrides in both)
    changed = {name for name in {*one, *other} if one.get(name) != other.get(name)}
    assert any(name == key or name.startswith(f"{key}.") for name in changed)
    assert result(both[0]) != result(both[1])


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("window", ("1", "100")),
        ("tracking.max_points", ("0", "10")),
        ("registry.promote", ("auto", "never")),
        ("registry.confirm_seeds", ("0", "9")),
        ("sweep.batch", ("1", "2")),
    ],
)
def test_other_keys_change_no_result_and_no_hash(key: str, values: tuple[str, str]) -> None:
    """Keys in WITHOUT_EFFECT give the same result, and runs of one variant."""
    both = [(*LAKE, f"{key}={value}") for value in values]
    assert result(both[0]) == result(both[1])
    hashes = {config_hash(resolved(overrides).config) for overrides in both}
    assert len(hashes) == 1
    assert key.partition(".")[0] in WITHOUT_EFFECT


def test_the_hash_of_earlier_runs_is_kept() -> None:
    """A config with the default window has the hash that it had when the window was part of it."""
    config = resolved(LAKE).config
    deciding = {k: v for k, v in record(config).items() if k == "window" or k not in WITHOUT_EFFECT}
    assert deciding["window"] == 100
    earlier = hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:12]
    assert config_hash(config) == earlier
