"""The schema of a run: names, types and ranges; every value checked, all errors at once."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from qsweep.problems import Problem, closest

STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^./\\\x00-\x1f][^/\\\x00-\x1f]*$")]
Bounds = Annotated[tuple[float, ...], Field(min_length=1)]
BucketCount = Annotated[int, Field(ge=1, le=100_000)]
BucketCounts = Annotated[tuple[BucketCount, ...], Field(min_length=1)]
Episode = Annotated[int, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, config=STRICT)
class Env:
    """One Gymnasium environment: its id and how its observations are bounded."""

    id: Annotated[str, Field(min_length=1, description="a Gymnasium id such as MountainCar-v0")] = (
        "MountainCar-v0"
    )
    low: Annotated[
        Bounds | None, Field(description="a list of finite numbers, one per dimension, or null")
    ] = None
    high: Annotated[
        Bounds | None, Field(description="a list of finite numbers, one per dimension, or null")
    ] = None
    max_steps: Annotated[
        Annotated[int, Field(ge=1, le=10**9)] | None,
        Field(description="a whole number of at least 1 (steps), or null"),
    ] = None
    kwargs: Annotated[dict[str, Any], Field(description="a mapping passed to gymnasium.make")] = (
        dataclasses.field(default_factory=dict)
    )


@dataclass(frozen=True, config=STRICT)
class Epsilon:
    """The exploration schedule: the probability of a random action, by episode."""

    schedule: Annotated[
        Literal["linear", "exponential", "constant"],
        Field(description="one of linear, exponential, constant"),
    ] = "linear"
    start: Annotated[float, Field(ge=0, description="a number of at least 0 (above 1: always explore)")] = 0.5
    end: Annotated[Fraction | None, Field(description="a number from 0 to 1")] = 0.0
    decay_start: Annotated[
        Episode | Fraction | None,
        Field(description="an episode (whole number of at least 0) or a fraction (0.0 to 1.0)"),
    ] = 1
    decay_end: Annotated[
        Episode | Fraction | None,
        Field(description="an episode (whole number of at least 0) or a fraction (0.0 to 1.0)"),
    ] = 0.5


@dataclass(frozen=True, config=STRICT)
class InitialQ:
    """The Q-table's first values: uniform in [low, high)."""

    low: Annotated[float, Field(description="a finite number")] = -2.0
    high: Annotated[float, Field(description="a finite number")] = 0.0


@dataclass(frozen=True, config=STRICT)
class Evaluation:
    """How checkpoints are judged."""

    checkpoints: Annotated[int, Field(ge=1, le=100_000, description="a whole number from 1 to 100,000")] = 50
    episodes: Annotated[
        int, Field(ge=1, le=10**6, description="a whole number from 1 to 1,000,000 (episodes)")
    ] = 100
    test_episodes: Annotated[
        int, Field(ge=1, le=10**6, description="a whole number from 1 to 1,000,000 (episodes)")
    ] = 1000


@dataclass(frozen=True, config=STRICT)
class Registry:
    """What becomes of the winner of a run or sweep."""

    promote: Annotated[Literal["auto", "never"], Field(description="one of auto, never")] = "auto"
    confirm_seeds: Annotated[
        int, Field(ge=0, le=10_000, description="a whole number from 0 to 10,000 (0: no confirmation)")
    ] = 5


@dataclass(frozen=True, config=STRICT)
class Tracking:
    """Where a run is recorded, and how finely."""

    uri: Annotated[
        str,
        Field(
            pattern=r"^(local|none|https?://[^@]+|sqlite:///[^@]+)$",
            description="local, none, http(s)://HOST or sqlite:///FILE, without user or password",
        ),
    ] = "local"
    experiment: Annotated[
        Name | None,
        Field(description="a name without slashes or a leading dot, or null (the environment's id)"),
    ] = None
    max_points: Annotated[int, Field(ge=0, description="a whole number of at least 0 (0: every episode)")] = (
        2500
    )
    name: Annotated[Name | None, Field(description="a name without slashes or a leading dot, or null")] = None
    parent: Annotated[Name | None, Field(description="a run's id, or null")] = None


@dataclass(frozen=True, config=STRICT)
class Sweep:
    """What belongs to a multirun as a whole."""

    name: Annotated[
        Name | None,
        Field(description="a name without slashes or a leading dot, or null (what it varies)"),
    ] = None


@dataclass(frozen=True, config=STRICT)
class Config:
    """Everything that decides a run. Keys and their meaning: conf/train.yaml."""

    env: Env = Env()
    epsilon: Epsilon = Epsilon()
    initial_q: InitialQ = InitialQ()
    evaluation: Evaluation = Evaluation()
    registry: Registry = Registry()
    tracking: Tracking = Tracking()
    sweep: Sweep = Sweep()
    algorithm: Annotated[Literal["q_learning"], Field(description="q_learning")] = "q_learning"
    learning_rate: Annotated[float, Field(gt=0, le=1, description="a number above 0 and at most 1")] = 0.1
    discount: Annotated[float, Field(ge=0, le=1, description="a number from 0 to 1")] = 0.95
    buckets: Annotated[
        BucketCount | BucketCounts,
        Field(description="a whole number from 1 to 100,000, or a list of them, one per dimension"),
    ] = 20
    episodes: Annotated[int, Field(ge=1, le=10**9, description="a whole number from 1 to 1,000,000,000")] = (
        25_000
    )
    seed: Annotated[int, Field(ge=0, description="a whole number of at least 0")] = 0
    window: Annotated[int, Field(ge=1, le=10**9, description="a whole number of at least 1 (episodes)")] = 100
    checkpoint_every: Annotated[
        int, Field(ge=1, le=10**9, description="a whole number of at least 1 (episodes)")
    ] = 10
    terminal_rule: Annotated[
        Literal["standard", "tutorial"], Field(description="one of standard, tutorial")
    ] = "standard"
    engine: Annotated[
        Literal["auto", "compiled", "gymnasium"],
        Field(description="one of auto, compiled, gymnasium"),
    ] = "auto"


_ADAPTER = TypeAdapter(Config)


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, keys joined by dots: {"epsilon": {"start": 1}} -> {"epsilon.start": 1}."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _fields(schema: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, field in schema.__pydantic_fields__.items():
        if dataclasses.is_dataclass(field.annotation):
            yield from _fields(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field.description or ""


RULES: Mapping[str, str] = dict(_fields(Config))
"""Every key of a config, dotted, with the rule its value must keep."""


def parse(values: Mapping[str, Any]) -> tuple[Config, list[Problem]]:
    """Check plain nested values against the schema.

    Returns every problem found and a config in which the values at fault are left at their
    defaults, so that the rest can be checked further.
    """
    try:
        config, problems = _validated(values), []
    except ValidationError as error:
        found = (_problem(e, values) for e in error.errors())
        problems = list({str(p): p for p in found}.values())
        config = _validated(_without(values, [p.key for p in problems]))
    if not at_fault(problems, "initial_q"):
        problems += _initial_q_problems(config.initial_q)
    if not at_fault(problems, "epsilon", "episodes"):
        problems += _epsilon_problems(config)
    return config, problems


def _validated(values: Mapping[str, Any]) -> Config:
    # As JSON, pydantic takes mappings for dataclasses and lists for tuples, and is strict otherwise.
    return _ADAPTER.validate_json(json.dumps(values, default=repr))


def at_fault(problems: list[Problem], *keys: str) -> bool:
    """Whether any problem is about one of `keys` or about a key below one."""
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
        return Problem(key, f"must be {RULES[key]}", _shown(values, key))
    unknown = ".".join(path)
    if error["type"] == "missing":
        return Problem(unknown, "is missing")
    if any(known.startswith(f"{unknown}.") for known in RULES):
        return Problem(unknown, "must be a mapping", error["input"])
    return Problem(unknown, "no such key", error["input"], closest(unknown, RULES))


def _shown(values: Mapping[str, Any], key: str) -> Any:
    """The whole value given for a key, as it is shown: a password is not."""
    value: Any = values
    for name in key.split("."):
        value = value[name]
    if isinstance(value, str):
        return re.sub(r"//[^/]*@", "//***@", value)
    return "null" if value is None else value


def _initial_q_problems(initial_q: InitialQ) -> Iterator[Problem]:
    if initial_q.low > initial_q.high:
        yield Problem("initial_q.low", f"must not exceed initial_q.high ({initial_q.high:g})", initial_q.low)


def _epsilon_problems(config: Config) -> Iterator[Problem]:
    epsilon = config.epsilon
    decay = {name: getattr(epsilon, name) for name in ("end", "decay_start", "decay_end")}
    for name, value in decay.items():
        if epsilon.schedule == "constant" and value is not None:
            remedy = "leave it out, or choose the schedule with epsilon=constant"
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


def as_episode(value: int | float, episodes: int) -> int:
    """An episode as it is; a float as that fraction of all episodes, rounded down but for a first one."""
    if isinstance(value, int):
        return value
    return max(int(value * episodes), 1) if value else 0


def record(config: Config) -> dict[str, Any]:
    """The config as plain nested dicts and lists, as it is written to config.yaml and read back."""
    return json.loads(json.dumps(dataclasses.asdict(config)))  # type: ignore[no-any-return]


def config_hash(config: Config) -> str:
    """Twelve hex digits that two resolved configs share exactly if they ask for the same result."""
    asked = {k: v for k, v in record(config).items() if k not in ("tracking", "registry", "sweep", "engine")}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:12]


def variant_hash(config: Config) -> str:
    """The hash of a config without its seed: runs of one variant differ only by seed."""
    return config_hash(dataclasses.replace(config, seed=0))
