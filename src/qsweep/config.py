"""The schema of a run: names, types and ranges; every value checked, all errors at once."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


def whole(least: int, most: int | None = None, more: str = "", limit: int | None = None) -> Any:
    """A whole number from `least` to `most`. more: the rest of its rule; limit: a most that goes unsaid."""
    bounds = f"from {least} to {most:,}" if most else f"of at least {least}"
    return Field(ge=least, le=most or limit, description=f"a whole number {bounds}{more}")


def number(rule: str, **bounds: Any) -> Any:
    """A number within bounds, as pydantic names them."""
    return Field(description=f"a number {rule}", **bounds)


NAME = "a name without slashes or a leading dot, or null"
BOUNDS = Field(min_length=1, description="a list of finite numbers, one per dimension, or null")
EPISODE = Field(description="an episode (whole number of at least 0) or a fraction (0.0 to 1.0)")
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^./\\\x00-\x1f][^/\\\x00-\x1f]*$")]
BucketCount = Annotated[int, Field(ge=1, le=100_000)]
BucketCounts = Annotated[tuple[BucketCount, ...], Field(min_length=1)]
Episode = Annotated[int, Field(ge=0)]
Fraction = Annotated[float, number("from 0 to 1", ge=0, le=1)]


@dataclass(frozen=True, config=STRICT)
class Env:
    """One Gymnasium environment: its id and how its observations are bounded."""

    id: Annotated[str, Field(min_length=1, description="a Gymnasium id such as MountainCar-v0")] = (
        "MountainCar-v0"
    )
    low: Annotated[tuple[float, ...] | None, BOUNDS] = None
    high: Annotated[tuple[float, ...] | None, BOUNDS] = None
    max_steps: Annotated[int | None, whole(1, None, " (steps), or null", limit=10**9)] = None
    kwargs: Annotated[dict[str, Any], Field(description="a mapping passed to gymnasium.make")] = (
        dataclasses.field(default_factory=dict)
    )
    actions: Annotated[int | None, whole(2, 10_000, " (per dimension of a Box of actions), or null")] = None
    wrapper: Annotated[str | None, Field(min_length=1, description="MODULE:WRAPPER, or null")] = None


@dataclass(frozen=True, config=STRICT)
class Epsilon:
    """The exploration schedule: the probability of a random action, by episode."""

    schedule: Literal["linear", "exponential", "constant"] = "linear"
    start: Annotated[float, number("of at least 0 (above 1: always explore)", ge=0)] = 0.5
    end: Fraction | None = 0.0
    decay_start: Annotated[Episode | Fraction | None, EPISODE] = 1
    decay_end: Annotated[Episode | Fraction | None, EPISODE] = 0.5


@dataclass(frozen=True, config=STRICT)
class InitialQ:
    """The Q-table's first values: uniform in [low, high)."""

    low: Annotated[float, number("from -1e100 to 1e100", ge=-1e100, le=1e100)] = -2.0
    high: Annotated[float, number("from -1e100 to 1e100", ge=-1e100, le=1e100)] = 0.0


@dataclass(frozen=True, config=STRICT)
class Evaluation:
    """How checkpoints are judged."""

    checkpoints: Annotated[int, whole(1, 100_000)] = 50
    episodes: Annotated[int, whole(1, 10**6, " (episodes)")] = 100
    test_episodes: Annotated[int, whole(1, 10**6, " (episodes)")] = 1000


@dataclass(frozen=True, config=STRICT)
class Registry:
    """What becomes of the winner of a run or sweep."""

    promote: Literal["auto", "never"] = "auto"
    confirm_seeds: Annotated[int, whole(0, 10_000, " (0: no confirmation)")] = 5


@dataclass(frozen=True, config=STRICT)
class Tracking:
    """Where a run is recorded, and how finely."""

    uri: Annotated[
        str,
        Field(
            pattern=r"^(local|none|https?://[^@]+|sqlite:///[^@]+|postgresql://[^@?]+)$",
            description="local, none, http(s)://HOST, sqlite:///FILE or postgresql://HOST/DATABASE, without"
            " user or password",
        ),
    ] = "local"
    experiment: Annotated[Name | None, Field(description=f"{NAME} (the environment's id)")] = None
    max_points: Annotated[int, whole(0, None, " (0: every episode)")] = 2500
    name: Annotated[Name | None, Field(description=NAME)] = None
    parent: Annotated[Name | None, Field(description="a run's id, or null")] = None
    durable_seconds: Annotated[float, number("of at least 0 (seconds; 0: never)", ge=0, le=10**6)] = 30.0
    resume: Literal["auto", "never"] = "auto"


@dataclass(frozen=True, config=STRICT)
class Sweep:
    """What belongs to a multirun as a whole."""

    name: Annotated[Name | None, Field(description=f"{NAME} (the keys that it varies)")] = None
    report: Literal["auto", "never"] = "auto"
    rerun: Literal["code", "all", "failed", "never"] = "code"
    dry_run: Annotated[bool, Field(description="true or false")] = False
    batch: Annotated[int | None, whole(1, 10_000, " (runs), or null (by the number of cores)")] = None


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
    algorithm: Annotated[str, Field(description="the name of an algorithm")] = "q_learning"
    trace_decay: Fraction | None = None
    traces: Literal["replacing", "accumulating"] | None = None
    n: Annotated[int | None, whole(1, 100_000, " (steps)")] = None
    planning_steps: Annotated[int | None, whole(0, 10_000)] = None
    learning_rate: Annotated[float, number("above 0 and at most 1", gt=0, le=1)] = 0.1
    learning_rate_schedule: Literal["constant", "linear", "visits"] = "constant"
    learning_rate_end: Fraction | None = None
    exploration: Literal["epsilon_greedy", "softmax", "ucb"] = "epsilon_greedy"
    temperature: Annotated[float | None, number("above 0 (in units of return)", gt=0, le=1e100)] = None
    confidence: Annotated[float | None, number("of at least 0 (in units of return)", ge=0, le=1e100)] = None
    ties: Literal["first", "random"] = "first"
    discretizer: Literal["uniform", "quantile", "tiles"] = "uniform"
    tilings: Annotated[int | None, whole(2, 256)] = None
    discount: Fraction = 0.95
    buckets: Annotated[
        BucketCount | BucketCounts,
        Field(description="a whole number from 1 to 100,000, or a list of them, one per dimension"),
    ] = 20
    episodes: Annotated[int, whole(1, 10**9)] = 25_000
    seed: Annotated[int, whole(0)] = 0
    window: Annotated[int, whole(1, None, " (episodes)", limit=10**9)] = 100
    checkpoint_every: Annotated[int, whole(1, None, " (episodes)", limit=10**9)] = 10
    terminal_rule: Literal["standard", "tutorial"] = "standard"
    engine: Literal["auto", "compiled", "gymnasium"] = "auto"


def is_name(given: object) -> bool:
    """Whether something may name a sweep, and so a folder."""
    try:
        Sweep(name=given)  # type: ignore[arg-type]
    except ValidationError:
        return False
    return given is not None


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
            yield f"{prefix}{name}", field.description or _rule(field.annotation)


def _rule(annotation: Any) -> str:
    """The rule of a type, or of the first of several, that none was given for: its own, or its values."""
    if get_origin(annotation) is Literal:
        return f"one of {', '.join(get_args(annotation))}"
    described = (part.description for part in getattr(annotation, "__metadata__", ()))
    return next(described, None) or _rule(get_args(annotation)[0])


RULES: Mapping[str, str] = dict(_fields(Config))
"""Every key of a config, dotted, with the rule its value must keep."""


OPTIONAL = {
    "trace_decay": "algorithm",
    "traces": "algorithm",
    "n": "algorithm",
    "planning_steps": "algorithm",
    "learning_rate_end": "learning_rate_schedule",
    "temperature": "exploration",
    "confidence": "exploration",
    "tilings": "discretizer",
}
"""Keys that some values of another key bring along, and only those: they are in no other run's record."""


def as_episode(value: int | float, episodes: int) -> int:
    """An episode as it is; a float as that fraction of all episodes, rounded down but for a first one."""
    if isinstance(value, int):
        return value
    return max(int(value * episodes), 1) if value else 0


def record(config: Config) -> dict[str, Any]:
    """The config as plain nested dicts and lists, as it is written to config.yaml and read back."""
    values: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))
    return {key: value for key, value in values.items() if key not in OPTIONAL or value is not None}


def config_hash(config: Config) -> str:
    """Twelve hex digits that two resolved configs share exactly if they ask for the same result."""
    asked = {k: v for k, v in record(config).items() if k not in ("tracking", "registry", "sweep", "engine")}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:12]


def environment_hash(env: Env) -> str:
    """Eight hex digits that say which environment a return was earned in: id, arguments, step limit."""
    decides = json.dumps(
        [env.id, env.kwargs, env.max_steps, env.actions, env.wrapper], default=repr, sort_keys=True
    )
    return hashlib.sha256(decides.encode()).hexdigest()[:8]


def variant_hash(config: Config) -> str:
    """The hash of a config without its seed: runs of one variant differ only by seed."""
    return config_hash(dataclasses.replace(config, seed=0))
