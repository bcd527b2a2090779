from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from qsweep.config import OPTIONAL, RULES, Config, Env, flatten, record
from qsweep.errors import UsageError
from qsweep.learning.algorithms import NAMES, algorithm
from qsweep.plan.checking import DEPENDENT_KEYS, algorithm_problems, applicability_problems, parse
from qsweep.plan.composition import load_config

VALUES: dict[str, Any] = {
    "trace_decay": 0.5,
    "traces": "replacing",
    "n": 3,
    "planning_steps": 5,
    "learning_rate_end": 0.01,
    "temperature": 1.0,
    "confidence": 2.0,
    "tilings": 4,
}
"""A valid value for each optional key."""

CHOICES: dict[str, dict[str, set[str]]] = {
    "algorithm": {
        "q_learning": set(),
        "sarsa": set(),
        "expected_sarsa": set(),
        "double_q_learning": set(),
        "q_lambda": {"trace_decay", "traces"},
        "sarsa_lambda": {"trace_decay", "traces"},
        "n_step_sarsa": {"n"},
        "monte_carlo": set(),
        "dyna_q": {"planning_steps"},
    },
    "learning_rate_schedule": {"constant": set(), "linear": {"learning_rate_end"}, "visits": set()},
    "exploration": {"epsilon_greedy": set(), "softmax": {"temperature"}, "ucb": {"confidence"}},
    "discretizer": {"uniform": set(), "quantile": set(), "tiles": {"tilings"}},
}
"""Key -> its value -> the optional keys that apply with that value."""

ALL = [(key, choice) for key, choices in CHOICES.items() for choice in choices]


def problems_of(values: dict[str, Any]) -> list[tuple[str, str]]:
    """Return key and rule of each applicability problem."""
    config, known = parse(values)
    return [(problem.key, problem.rule) for problem in applicability_problems(config, known)]


def test_every_choice_and_key_is_here() -> None:
    """The table above covers all algorithms, values of the other choices and optional keys."""
    assert set(CHOICES["algorithm"]) == set(NAMES)
    assert set(OPTIONAL) == set(VALUES) <= set(RULES)
    for key, choices in CHOICES.items():
        if key != "algorithm":
            assert RULES[key] == f"one of {', '.join(choices)}"
            assert set(DEPENDENT_KEYS[key]) <= set(choices)


@pytest.mark.parametrize(("key", "choice"), ALL)
def test_a_choice_requires_exactly_its_keys(key: str, choice: str) -> None:
    """All keys of a choice are required; others are refused, naming the choice."""
    own = CHOICES[key][choice]
    complete = {key: choice, **{name: VALUES[name] for name in own}}
    assert problems_of(complete) == []
    for name in own:
        without = {k: v for k, v in complete.items() if k != name}
        assert problems_of(without) == [(name, f"must be {RULES[name]}")]
        assert problems_of({**complete, name: None}) == [(name, f"must be {RULES[name]}")]
    for name in set(VALUES) - own:
        other = OPTIONAL[name]
        chosen = choice if other == key else Config().__dict__[other]
        found = problems_of({**complete, name: VALUES[name]})
        assert found == [(name, f"does not apply to {other}={chosen}")]


def test_zero_is_a_value() -> None:
    """0 counts as a value: it is refused if the key does not apply, and used if it does."""
    for name in ("trace_decay", "planning_steps", "learning_rate_end", "confidence"):
        assert [key for key, _ in problems_of({name: 0})] == [name]
    assert problems_of({"algorithm": "dyna_q", "planning_steps": 0}) == []
    assert problems_of({"algorithm": "q_lambda", "trace_decay": 0, "traces": "replacing"}) == []
    assert problems_of({"exploration": "ucb", "confidence": 0}) == []


def test_several_mistakes_are_several_problems() -> None:
    """Each inapplicable key is a separate problem, in addition to values out of range."""
    found = problems_of({"n": 3, "tilings": 8, "temperature": 1, "algorithm": "q_lambda", "traces": "no"})
    assert sorted(key for key, _ in found) == ["n", "temperature", "tilings", "trace_decay"]


def test_a_key_has_one_problem() -> None:
    """Keys that are out of range, or depend on an invalid choice, have no second problem."""
    assert problems_of({"n": 0}) == []
    assert problems_of({"exploration": "greedy", "temperature": 1}) == []
    assert problems_of({"algorithm": 3, "n": 1}) == []


def test_an_unknown_algorithm_is_the_only_problem_of_its_keys() -> None:
    """An unknown algorithm's keys are not checked; the message suggests a similar name."""
    config, known = parse({"algorithm": "q_lernin", "n": 3})
    [problem] = applicability_problems(config, known)
    assert (problem.key, problem.given, problem.remedy) == (
        "algorithm",
        "q_lernin",
        "did you mean q_learning?",
    )


def test_a_learning_rate_does_not_rise() -> None:
    """A linear schedule must not end above its start."""
    linear = {"learning_rate_schedule": "linear", "learning_rate": 0.1}
    assert problems_of({**linear, "learning_rate_end": 0.1}) == []
    assert problems_of({**linear, "learning_rate_end": 0.2}) == [
        ("learning_rate_end", "must not exceed learning_rate (0.1)")
    ]
    assert problems_of({**linear, "learning_rate_end": 2}) == []  # out of range, which is said elsewhere


def unsupported(**values: Any) -> list[str]:
    """Return the keys that the algorithm does not support."""
    config, known = parse(values)
    endless = replace(config, env=Env(max_steps=1_000_001))
    return [problem.key for problem in algorithm_problems(endless, known)]


@pytest.mark.parametrize("name", NAMES)
def test_tiles(name: str) -> None:
    """Tiles work with all algorithms except those that store data per state."""
    alone = name in ("dyna_q", "monte_carlo")
    keys = unsupported(algorithm=name, discretizer="tiles", tilings=8)
    assert ("discretizer" in keys) == alone == (not algorithm(name).supports_tiles)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["uniform", "quantile", "tiles"])
def test_the_tutorials_terminal_rule(name: str, kind: str) -> None:
    """The rule sets the value of one cell to 0, so it needs Q-learning without tiles."""
    keys = unsupported(algorithm=name, discretizer=kind, terminal_rule="tutorial")
    assert ("terminal_rule" in keys) == (name != "q_learning" or kind == "tiles")
    assert "terminal_rule" not in unsupported(algorithm=name, discretizer=kind)


@pytest.mark.parametrize(
    ("schedule", "exploration"), [*product(CHOICES["learning_rate_schedule"], CHOICES["exploration"])]
)
def test_tiles_are_not_counted(schedule: str, exploration: str) -> None:
    """Visits are counted per cell, so tiles cannot be used with 1 / visits or UCB."""
    values = {"learning_rate_schedule": schedule, "exploration": exploration}
    counts = "visits" in (schedule) or exploration == "ucb"
    assert ("discretizer" in unsupported(discretizer="tiles", **values)) == counts
    assert unsupported(discretizer="quantile", **values) == []


def test_stored_episodes_have_a_limit() -> None:
    """Monte Carlo stores complete episodes, so their length is limited."""
    assert unsupported(algorithm="monte_carlo") == ["env.max_steps"]
    config, _ = parse({"algorithm": "monte_carlo", "env": {"max_steps": 1_000_000}})
    assert list(algorithm_problems(config, [])) == []


@pytest.mark.parametrize(("key", "choice"), ALL)
def test_presets_set_their_keys(key: str, choice: str) -> None:
    """A preset on the command line sets exactly the keys that apply, and they are recorded."""
    found = load_config([f"{key}={choice}"])
    assert set(OPTIONAL) & set(flatten(record(found))) == CHOICES[key][choice]


@pytest.mark.parametrize(("key", "choice"), [(key, choice) for key, choice in ALL if CHOICES[key][choice]])
def test_a_presets_keys_can_be_set_and_swept(key: str, choice: str) -> None:
    """Keys of a preset can be overridden and swept, before or after the choice."""
    for name in CHOICES[key][choice]:
        value = {"traces": "accumulating"}.get(name, 1 if name in ("n", "planning_steps") else VALUES[name])
        one = load_config([f"{key}={choice}", f"{name}={value}"])
        other = load_config([f"{name}={value}", f"{key}={choice}"])
        assert getattr(one, name) == getattr(other, name) == value


def test_problems_come_with_those_of_the_environment() -> None:
    """Applicability problems are reported together with all others."""
    lines = ["n=3", "seed=-1", "env=frozen_lake", "env.low=[0]", "discretizer=tiles", "algorithm=dyna_q"]
    with pytest.raises(UsageError) as caught:
        load_config(lines)
    keys = sorted(problem.key for problem in caught.value.problems)
    assert keys == ["discretizer", "env.low", "n", "seed"]
