from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from qsweep.config import (
    ABOUT,
    OPTIONAL,
    RULES,
    Config,
    Env,
    InitialQ,
    as_episode,
    config_hash,
    environment_hash,
    flatten,
    record,
    variant_hash,
)
from qsweep.errors import UsageError
from qsweep.plan.checking import parse
from qsweep.plan.composition import load_config
from qsweep.plan.conf import conf_folder
from qsweep.plan.resolution import resolve

CONTRACT: dict[str, Any] = {
    "learning_rate": 0.1,
    "discount": 0.95,
    "buckets": 20,
    "episodes": 25_000,
    "seed": 0,
    "window": 100,
    "checkpoint_every": 10,
    "algorithm": "q_learning",
    "terminal_rule": "standard",
    "engine": "auto",
    "initial_q.low": -2.0,
    "initial_q.high": 0.0,
    "epsilon.start": 0.5,
    "epsilon.end": 0.0,
    "epsilon.decay_start": 1,
    "epsilon.decay_end": 0.5,
    "env.id": "MountainCar-v0",
    "env.low": None,
    "env.high": None,
    "env.max_steps": None,
    "env.kwargs": {},
    "tracking.uri": "local",
    "tracking.experiment": None,
    "tracking.max_points": 2500,
}
RESOLVED: dict[str, Any] = {
    "engine": "compiled",
    "epsilon.decay_end": 12_500,
    "env.low": [-1.2, -0.07],
    "env.high": [0.6, 0.07],
    "env.max_steps": 200,
    "evaluation.test_episodes": 2000,
    "tracking.experiment": "MountainCar-v0",
}
COMMANDS = [
    "",
    "buckets=[10,40] env.low=[-1,-0.05] env.high=[0.5,0.05]",
    "experiment=tutorial_10000",
    "epsilon=constant epsilon.start=1 learning_rate=1e-05",
    "epsilon=exponential epsilon.decay_start=0.1 epsilon.decay_end=4000",
    "engine=gymnasium env.max_steps=7",
    "env=cart_pole",
    "env=acrobot",
    "env=frozen_lake env.kwargs.map_name=8x8 env.kwargs.is_slippery=false",
    "env=blackjack env.kwargs.sab=true",
    "env=cliff_walking tracking.experiment=cliff tracking.name=first sweep.name=all",
    "env=taxi seed=1000000000000000",
    "algorithm=sarsa_lambda trace_decay=0.5 traces=accumulating",
    "algorithm=n_step_sarsa n=8",
    "algorithm=dyna_q planning_steps=0",
    "learning_rate_schedule=linear learning_rate_end=0.01",
    "learning_rate_schedule=visits",
    "exploration=softmax temperature=0.5",
    "exploration=ucb confidence=0 ties=random",
    "discretizer=tiles tilings=16 buckets=[4,6]",
    "discretizer=quantile",
    "env=pendulum env.actions=7",
]


RARE = {
    *OPTIONAL,
    "env.actions",
    "env.wrapper",
    "env.reset_options",
    "initial_q.from",
    "initial_q.sha256",
    "steps",
}
"""Keys that conf/ or a record has only if they are set."""


def composed() -> dict[str, Any]:
    """Return the config that Hydra itself composes from conf/ without overrides."""
    with initialize_config_dir(config_dir=str(conf_folder())):
        values = OmegaConf.to_container(compose("train"), resolve=True)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def test_the_schema_has_the_contracts_defaults() -> None:
    """The schema's defaults are those that the design fixes."""
    flat = flatten(record(Config()))
    assert {key: flat[key] for key in CONTRACT} == CONTRACT


def test_conf_has_the_schemas_keys_and_defaults() -> None:
    """conf/ has every key of the schema except the rarely needed ones, with the schema's own default."""
    values = composed()
    assert set(flatten(values)) == set(RULES) - RARE
    assert parse(values) == (Config(), [])


def test_a_trained_table_is_identified_by_its_hash() -> None:
    """Where it was found does not matter, nor do the bounds of random values; without one hashes are kept."""
    table = InitialQ(from_="a/ep000010", sha256="0" * 64)
    config = Config(initial_q=table)
    assert record(config)["initial_q"] == {"low": -2, "high": 0, "from": "a/ep000010", "sha256": "0" * 64}
    assert record(Config())["initial_q"] == {"low": -2, "high": 0}
    assert parse(record(config)) == (config, [])
    moved = dataclasses.replace(table, from_="b/ep000020", low=-1.0)
    other = dataclasses.replace(table, sha256="1" * 64)
    hashes = [config_hash(Config(initial_q=each)) for each in (InitialQ(), table, moved, other)]
    assert hashes[1] == hashes[2]
    assert len({*hashes}) == 3


def test_every_key_is_explained() -> None:
    """Each key has a line, and one of the groups that `qsweep keys` shows."""
    assert [key for key, about in ABOUT.items() if not about.text] == []
    assert [key for key, about in ABOUT.items() if not (about.group or "." in key)] == []


def test_optional_keys_are_in_presets() -> None:
    """Every optional key is in some preset of the group that decides whether it applies."""
    for key, group in OPTIONAL.items():
        texts = [path.read_text() for path in (conf_folder() / group).glob("*.yaml")]
        assert any(f"\n{key}: " in text for text in texts), key


def test_options_of_resets_change_hashes_only_if_they_are_given() -> None:
    """Records of versions without the key keep their hashes."""
    plain, given = Config(), Config(env=Env(reset_options={"x": 1}))
    assert "reset_options" not in record(plain)["env"]
    assert record(given)["env"]["reset_options"] == {"x": 1}
    assert config_hash(plain) != config_hash(given)
    assert environment_hash(plain.env) == "7e6797a1"
    assert environment_hash(given.env) != environment_hash(plain.env)


def test_nothing_given_means_the_defaults() -> None:
    """A config without values is the one that the command line makes without overrides."""
    assert resolve({}).config == load_config([])


def test_what_depends_on_the_environment_is_filled_in() -> None:
    """A resolved config has explicit bounds, step limit, engine, experiment and decay episodes."""
    flat = flatten(record(load_config()))
    expected = CONTRACT | RESOLVED
    assert {key: flat[key] for key in expected} == expected


def test_the_contracts_keys_are_the_schemas() -> None:
    """Every key of the contract has a rule."""
    evaluation = {"evaluation.checkpoints", "evaluation.episodes", "evaluation.test_episodes"}
    assert {*CONTRACT, *evaluation, "registry.promote"} <= set(RULES)


def test_rules_name_every_key() -> None:
    """RULES has exactly the dotted keys of a config, each with a text."""
    assert set(RULES) == {*flatten(record(Config())), *RARE}
    assert [key for key, rule in RULES.items() if not rule.strip()] == []


def test_parse_reports_everything_at_once() -> None:
    """Wrong types, ranges, keys and combinations are all reported in one pass."""
    values = {
        "learning_rate": 2,
        "seed": "one",
        "windw": 5,
        "epsilon": {"start": 0.1, "end": 0.2, "strat": 1},
        "initial_q": {"low": 1, "high": 0},
        "env": {"max_steps": 0},
        "tracking": {"max_points": -1},
    }
    _, problems = parse(values)
    assert sorted(problem.key for problem in problems) == [
        "env.max_steps",
        "epsilon.strat",
        "initial_q.low",
        "learning_rate",
        "seed",
        "tracking.max_points",
        "windw",
    ]


def test_parse_leaves_what_is_wrong_at_its_default() -> None:
    """The config returned with the problems has the valid values, and defaults for the invalid ones."""
    config, problems = parse({"learning_rate": 2, "discount": 0.5, "epsilon": {"start": -1, "end": 0.2}})
    assert {problem.key for problem in problems} == {"learning_rate", "epsilon.start"}
    assert (config.learning_rate, config.discount) == (0.1, 0.5)
    assert (config.epsilon.start, config.epsilon.end) == (0.5, 0.2)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("env.low", ["left", "right"]),
        ("env.low", [[1], [2]]),
        ("buckets", [20, 0]),
        ("buckets", [1.5, 2.5]),
        ("epsilon.decay_start", -0.5),
        ("seed", True),
        ("learning_rate", None),
    ],
)
def test_one_mistake_is_one_problem(key: str, value: Any) -> None:
    """A value that breaks its rule in any way is one problem, which shows the complete value."""
    section, _, name = key.rpartition(".")
    _, problems = parse({section: {name: value}} if section else {name: value})
    assert [(problem.key, problem.rule) for problem in problems] == [(key, f"must be {RULES[key]}")]
    assert str("null" if value is None else value) in str(problems[0])


@pytest.mark.parametrize("section", ["env", "epsilon", "initial_q", "tracking", "sweep"])
@pytest.mark.parametrize("value", [None, 5, "text", [1]])
def test_a_section_must_be_a_mapping(section: str, value: Any) -> None:
    """A section that is not a mapping is the only problem; its missing keys are not reported."""
    _, problems = parse({section: value})
    assert [(problem.key, problem.rule) for problem in problems] == [(section, "must be a mapping")]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    ),
    st.sampled_from([*RULES, "env", "epsilon", "new"]),
)
def test_parse_never_breaks(value: Any, key: str) -> None:
    """For any value of any key, parse returns a config and a list of problems."""
    section, _, name = key.rpartition(".")
    config, problems = parse({section: {name: value}} if section else {name: value})
    assert isinstance(config, Config)
    assert all(str(problem) for problem in problems)


@pytest.mark.parametrize(
    ("values", "flat"),
    [
        ({}, {}),
        ({"a": 1, "b": [1, 2]}, {"a": 1, "b": [1, 2]}),
        ({"a": {"b": {"c": 1}, "d": None}}, {"a.b.c": 1, "a.d": None}),
        ({"a": {}, "b": {"c": {}}}, {"a": {}, "b.c": {}}),
    ],
)
def test_flatten_joins_keys_by_dots(values: dict[str, Any], flat: dict[str, Any]) -> None:
    """Nested mappings become one; empty mappings stay as values."""
    assert flatten(values) == flat


@pytest.mark.parametrize(
    ("value", "episode"),
    [(0, 0), (1, 1), (700, 700), (0.0, 0), (0.5, 50), (1.0, 101), (0.999, 100), (0.001, 1)],
)
def test_a_fraction_is_of_all_episodes(value: float, episode: int) -> None:
    """An integer is an episode; a float is a fraction of all episodes, at least 1 if it is positive."""
    assert as_episode(value, 101) == episode


@pytest.mark.parametrize(
    "command",
    [
        "seed=7",
        "seed=7 tracking.experiment=other tracking.name=mine tracking.max_points=0 tracking=none",
        "seed=7 tracking.parent=abc sweep.name=all",
        "engine=gymnasium",
        "registry.promote=never",
    ],
)
def test_a_variant_is_a_config_without_seed_and_bookkeeping(command: str) -> None:
    """The seed, tracking, registry, sweep and engine do not change the variant."""
    assert variant_hash(load_config(command.split())) == variant_hash(load_config())


def test_the_seed_is_part_of_the_config_but_not_of_the_variant() -> None:
    """Two seeds are two configs of one variant."""
    first, second = load_config(["seed=0"]), load_config(["seed=1"])
    assert config_hash(first) != config_hash(second)
    assert variant_hash(first) == variant_hash(second)
    assert config_hash(first) == variant_hash(first)


@pytest.mark.parametrize(
    "command",
    [
        "learning_rate=0.2",
        "discount=0.9",
        "buckets=40",
        "episodes=24999",
        "checkpoint_every=11",
        "terminal_rule=tutorial",
        "initial_q.low=-1",
        "initial_q.high=1",
        "epsilon.start=0.6",
        "epsilon.end=0.1",
        "epsilon.decay_start=2",
        "epsilon.decay_end=12499",
        "epsilon=exponential",
        "env.max_steps=199",
        "env.high=[0.6,0.08]",
        "env.kwargs.goal_velocity=0.01",
        "env=cart_pole",
        "algorithm=sarsa",
        "learning_rate_schedule=visits learning_rate=0.1",
        "exploration=softmax",
        "ties=random",
        "discretizer=quantile",
        "discretizer=tiles",
        "env.wrapper=gymnasium.wrappers:RecordEpisodeStatistics",
    ],
)
def test_every_key_that_changes_the_result_changes_the_variant(command: str) -> None:
    """Every other key is part of the variant."""
    assert variant_hash(load_config(command.split())) != variant_hash(load_config())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("algorithm=sarsa_lambda", "algorithm=sarsa_lambda trace_decay=0.8"),
        ("algorithm=sarsa_lambda", "algorithm=sarsa_lambda traces=accumulating"),
        ("algorithm=sarsa_lambda", "algorithm=q_lambda"),
        ("algorithm=n_step_sarsa", "algorithm=n_step_sarsa n=5"),
        ("algorithm=dyna_q", "algorithm=dyna_q planning_steps=9"),
        ("learning_rate_schedule=linear", "learning_rate_schedule=linear learning_rate_end=0.05"),
        ("exploration=softmax", "exploration=softmax temperature=2"),
        ("exploration=ucb", "exploration=ucb confidence=3"),
        ("discretizer=tiles", "discretizer=tiles tilings=4"),
        ("env=pendulum", "env=pendulum env.actions=9"),
    ],
)
def test_optional_keys_change_the_variant(one: str, other: str) -> None:
    """Keys that apply only to some choices are part of the variant."""
    assert variant_hash(load_config(one.split())) != variant_hash(load_config(other.split()))


def test_a_record_has_the_optional_keys_that_apply_and_no_others() -> None:
    """Keys that do not apply are not in the record, so that records are compared by those that do."""
    assert not set(OPTIONAL) & set(record(load_config()))
    tiles = record(load_config(["discretizer=tiles", "algorithm=n_step_sarsa"]))
    assert set(OPTIONAL) & set(tiles) == {"tilings", "n"}


@pytest.mark.parametrize(
    "command",
    [
        "epsilon.decay_end=12500",
        "epsilon.decay_end=0.5",
        "env.low=[-1.2,-0.07] env.high=[0.6,0.07]",
        "env.max_steps=200",
        "discount=95e-2",
        "buckets=[20,20]",
    ],
)
def test_an_explicit_default_is_the_same_variant(command: str) -> None:
    """A default's meaning, written out, asks for the same result and has the same hash."""
    assert variant_hash(load_config(command.split())) == variant_hash(load_config())


def test_hashes_are_twelve_hex_digits() -> None:
    """A hash has 12 characters, all hex digits."""
    assert len(config_hash(load_config())) == 12
    assert int(config_hash(load_config()), 16) >= 0


def test_hashes_do_not_depend_on_order() -> None:
    """The order of the values, and of the environment's arguments, does not matter."""
    values = record(
        load_config(["env=frozen_lake", "env.kwargs.map_name=8x8", "env.kwargs.is_slippery=true"])
    )
    backwards = _reversed(values)
    assert list(backwards) == list(values)[::-1]
    assert config_hash(resolve(backwards).config) == config_hash(resolve(values).config)


def _reversed(values: dict[str, Any]) -> dict[str, Any]:
    pairs = reversed(values.items())
    return {key: _reversed(value) if isinstance(value, dict) else value for key, value in pairs}


def test_hashes_are_the_same_in_another_process() -> None:
    """A process with another PYTHONHASHSEED gives the same hash."""
    config = load_config(["env=frozen_lake", "env.kwargs.map_name=8x8", "env.kwargs.is_slippery=true"])
    code = (
        "import json, sys; from qsweep.config import config_hash; from qsweep.plan.resolution import resolve;"
        "print(config_hash(resolve(json.loads(sys.argv[1])).config))"
    )
    command = [sys.executable, "-c", code, json.dumps(record(config))]
    settings = os.environ | {"PYTHONHASHSEED": "12345"}
    ran = subprocess.run(command, env=settings, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == config_hash(config)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_record_reads_back_as_it_was_written(command: str) -> None:
    """Resolving a record gives the config that it was made from, directly or through config.yaml."""
    config = load_config(command.split())
    assert resolve(record(config)).config == config
    assert resolve(yaml.safe_load(yaml.safe_dump(record(config)))).config == config


def test_a_record_has_only_plain_values() -> None:
    """A record consists of dicts, lists, numbers, text and None, so that any format can hold it."""
    plain = (dict, list, int, float, str, bool, type(None))
    flat = flatten(record(load_config(["buckets=[10,20]"])))
    assert [key for key, value in flat.items() if not isinstance(value, plain)] == []


def test_a_config_cannot_be_changed() -> None:
    """A config is frozen, so a recorded config is the one that ran."""
    config = load_config()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.seed = 1  # type: ignore[misc]


def test_load_config_raises_every_problem() -> None:
    """The Python function, too, reports all problems at once."""
    with pytest.raises(UsageError) as caught:
        load_config(["learning_rate=2", "buckts=3", "seed=-1"])
    assert sorted(problem.key for problem in caught.value.problems) == ["buckts", "learning_rate", "seed"]
    assert len(str(caught.value).splitlines()) == 3
