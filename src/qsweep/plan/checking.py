"""Checking plain values against the schema; each problem has its key, rule and value."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from pydantic import TypeAdapter, ValidationError

from qsweep.config import OPTIONAL, RULES, Config, as_episode
from qsweep.errors import Problem, UsageError, closest, without_password
from qsweep.learning.algorithms import NAMES, algorithm
from qsweep.system.tracking_uri import remedy_of

_ADAPTER = TypeAdapter(Config)
_ANY = TypeAdapter[Any](Any)


def parse(values: Mapping[str, Any]) -> tuple[Config, list[Problem]]:
    """Check plain nested values against the schema.

    Returns a config and all problems. Invalid values are replaced by their defaults in the config, so that
    the others can be checked further.
    """
    try:
        config, problems = _validated(values), []
    except (ValidationError, RecursionError) as error:
        found = [] if isinstance(error, RecursionError) else [_problem(e, values) for e in error.errors()]
        problems = [*_unreadable(values)] or list({str(p): p for p in found}.values())
        config = _validated(_without(values, [p.key for p in problems]))
    low, high = config.initial_q.low, config.initial_q.high
    if not at_fault(problems, "initial_q") and low > high:
        problems.append(Problem("initial_q.low", f"must not exceed initial_q.high ({high:g})", low))
    if config.initial_q.sha256 and not config.initial_q.from_:
        problems.append(Problem("initial_q.sha256", "needs initial_q.from", config.initial_q.sha256))
    if not at_fault(problems, "epsilon", "episodes"):
        problems += _epsilon_problems(config)
    return config, problems


def recorded_config(values: Mapping[str, Any]) -> Config:
    """Return the config in a run's record, checked only as far as that is possible without its environment.

    Raises UsageError if a value is invalid.
    """
    config, problems = parse(of_run(values))
    if problems:
        raise UsageError(problems)
    return config


def of_run(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return recorded values without `sweep`: it concerns the multirun, and its keys differ by version."""
    return {key: value for key, value in values.items() if key != "sweep"}


def _validated(values: Mapping[str, Any]) -> Config:
    # In JSON mode pydantic accepts mappings for dataclasses and lists for tuples, but is strict otherwise.
    return _ADAPTER.validate_json(json.dumps(values, default=repr))


def at_fault(problems: list[Problem], *keys: str) -> bool:
    """Return whether any problem concerns one of `keys` or a key below one."""
    return any(p.key == key or p.key.startswith(f"{key}.") for p in problems for key in keys)


def _without(values: Mapping[str, Any], keys: list[str], prefix: str = "") -> dict[str, Any]:
    return {
        name: _without(value, keys, f"{prefix}{name}.") if isinstance(value, Mapping) else value
        for name, value in values.items()
        if f"{prefix}{name}" not in keys
    }


def _problem(error: Any, values: Mapping[str, Any]) -> Problem:
    path = [str(part) for part in error["loc"]]
    key = next((".".join(path[:n]) for n in range(len(path), 0, -1) if ".".join(path[:n]) in RULES), "")
    if key:
        given = _shown(values, key)
        return Problem(key, f"must be {RULES[key]}", given, remedy_of(given) if key == "tracking.uri" else "")
    unknown = ".".join(path)
    if error["type"] == "missing":
        return Problem(unknown, "is missing")
    if any(known.startswith(f"{unknown}.") for known in RULES):
        return Problem(unknown, "must be a mapping", error["input"])
    return Problem(unknown, "is not a key", error["input"], closest(unknown, RULES))


def _unreadable(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem for each key whose value no record can hold: nested too deeply, or no text."""
    for key in RULES:
        with suppress(LookupError, TypeError):  # it is not given, or what it belongs to is no mapping
            value = _at(values, key)
            try:
                _ANY.validate_json(json.dumps([[[[value]]]], default=repr))  # as deep as in a config
            except (ValidationError, RecursionError) as error:
                remedy = "nest it less" if "recursion" in str(error) else "it has half a character of UTF-16"
                yield Problem(key, f"must be {RULES[key]}", value, remedy)


def _at(values: Mapping[str, Any], key: str) -> Any:
    value: Any = values
    for name in key.split("."):
        value = value[name]
    return value


def _shown(values: Mapping[str, Any], key: str) -> Any:
    """Return the value given for a key as messages show it, without passwords."""
    value = _at(values, key)
    if isinstance(value, str):
        return without_password(value)
    return "null" if value is None else value


def _epsilon_problems(config: Config) -> Iterator[Problem]:
    epsilon = config.epsilon
    decay = {name: getattr(epsilon, name) for name in ("end", "decay_start", "decay_end")}
    for name, value in decay.items():
        if epsilon.schedule == "constant" and value is not None:
            remedy = "remove it, or choose the schedule with epsilon=constant"
            yield Problem(f"epsilon.{name}", "does not apply to a constant schedule", value, remedy)
        if epsilon.schedule != "constant" and value is None:
            yield Problem(f"epsilon.{name}", f"must be {RULES[f'epsilon.{name}']}", "null")
    if epsilon.schedule == "constant" or None in decay.values():
        return
    assert epsilon.end is not None
    assert epsilon.decay_start is not None
    assert epsilon.decay_end is not None
    if epsilon.schedule == "exponential" and epsilon.end == 0:
        yield Problem("epsilon.end", "must be above 0 in an exponential schedule", epsilon.end)
    if epsilon.end > epsilon.start:
        yield Problem("epsilon.end", f"must not exceed epsilon.start ({epsilon.start:g})", epsilon.end)
    first, last = (as_episode(x, config.episodes) for x in (epsilon.decay_start, epsilon.decay_end))
    if first > last:
        yield Problem(
            "epsilon.decay_start",
            f"must not come after epsilon.decay_end (episode {last})",
            epsilon.decay_start,
        )


def argument_problems(config: Config) -> Iterator[Problem]:
    """Yield a problem for each number that is not finite among an environment's arguments."""
    yield from _not_finite("env.kwargs", config.env.kwargs)
    yield from _not_finite("env.reset_options", config.env.reset_options)


def _not_finite(key: str, value: Any) -> Iterator[Problem]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _not_finite(f"{key}.{name}", inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _not_finite(key, inner)
    elif isinstance(value, float) and not math.isfinite(value):
        remedy = f"if it is meant as a word, put it in quotes: {key}=\"'{value}'\""
        yield Problem(key, "must be a finite number, which can be recorded as JSON", value, remedy)


DEPENDENT_KEYS = {
    "learning_rate_schedule": {"linear": ("learning_rate_end",)},
    "exploration": {"softmax": ("temperature",), "ucb": ("confidence",)},
    "discretizer": {"tiles": ("tilings",)},
}
"""Key -> its value -> the optional keys that apply only with that value."""


def applicability_problems(config: Config, known: list[Problem]) -> Iterator[Problem]:
    """Yield problems of optional keys that are set but do not apply, or apply but are missing.

    known: problems found so far; their keys are skipped.
    """
    if config.algorithm not in NAMES:
        remedy = closest(config.algorithm, NAMES)
        yield Problem("algorithm", "must be a known algorithm", config.algorithm, remedy)
        return
    end, start = config.learning_rate_end, config.learning_rate
    if end is not None and end > start and not at_fault(known, "learning_rate", "learning_rate_end"):
        yield Problem("learning_rate_end", f"must not exceed learning_rate ({start:g})", end)
    for key, other in OPTIONAL.items():
        if not at_fault(known, key, other):
            yield from _key_problems(config, key, other)


def _key_problems(config: Config, key: str, other: str) -> Iterator[Problem]:
    chosen, value = getattr(config, other), getattr(config, key)
    own = algorithm(chosen).hyperparameters if other == "algorithm" else DEPENDENT_KEYS[other].get(chosen, ())
    if key in own and value is None:
        yield Problem(key, f"must be {RULES[key]}", "null")
    if key not in own and value is not None:
        remedy = "remove it; to sweep it, run a second sweep with the same sweep.name"
        yield Problem(key, f"does not apply to {other}={chosen}", value, remedy)


def algorithm_problems(config: Config, known: list[Problem]) -> Iterator[Problem]:
    """Yield a problem for each setting that the algorithm does not support. known: problems found so far."""
    if at_fault(known, "algorithm", "terminal_rule", "discretizer", "tilings"):
        return
    chosen, tiles = algorithm(config.algorithm), config.discretizer == "tiles"
    if tiles and not chosen.supports_tiles:
        rule = f"tiles cannot be used with {chosen.name}, which needs one cell per state"
        yield Problem("discretizer", rule, None, "use discretizer=uniform, or another algorithm")
    if tiles and (config.learning_rate_schedule == "visits" or config.exploration == "ucb"):
        rule = "tiles cannot be used where visits are counted, which needs one cell per state"
        remedy = "use neither learning_rate_schedule=visits nor exploration=ucb"
        yield Problem("discretizer", rule, None, remedy)
    if config.terminal_rule == "tutorial" and (tiles or not chosen.supports_tutorial_rule):
        rule = "tutorial needs algorithm=q_learning and a single grid"
        yield Problem("terminal_rule", rule, None, "use terminal_rule=standard")
    if chosen.max_steps and (config.env.max_steps or 0) > chosen.max_steps:
        rule = f"must be at most {chosen.max_steps:,} for {chosen.name}, which stores complete episodes"
        yield Problem("env.max_steps", rule, config.env.max_steps)
