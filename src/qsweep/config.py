"""The schema of a run: names, types and ranges of its keys; a check reports all errors at once."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


def integer(least: int, most: int | None = None, more: str = "", limit: int | None = None) -> Any:
    """Return a field of integers from `least` to `most`. more: end of the rule; limit: a hidden maximum."""
    bounds = f"from {least} to {most:,}" if most else f"of at least {least}"
    return Field(ge=least, le=most or limit, description=f"a whole number {bounds}{more}")


def number(rule: str, **bounds: Any) -> Any:
    """Return a field of numbers. bounds: under pydantic's names."""
    return Field(description=f"a number {rule}", **bounds)


NAME = "a name without slashes or a leading dot, or null"
BOUNDS = Field(min_length=1, description="a list of finite numbers, one per dimension, or null")
EPISODE = Field(description="an episode (whole number of at least 0) or a fraction (0.0 to 1.0)")
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^./\\\x00-\x1f][^/\\\x00-\x1f]*$")]
BucketCount = Annotated[int, Field(ge=1, le=100_000)]
BucketCounts = Annotated[tuple[Annotated[int, Field(ge=1, le=2**25)], ...], Field(min_length=1)]
"""The buckets of each dimension: as many as values fit into a table, where the dimension is discrete."""
Episode = Annotated[int, Field(ge=0)]
Fraction = Annotated[float, number("from 0 to 1", ge=0, le=1)]


LARGEST_SEED = 10**15
"""The largest seed of a new run, whose confirming runs use larger ones: programs that read records keep seeds
of up to 2^53 exactly. Records of earlier versions may have larger seeds."""


@dataclass(frozen=True, config=STRICT)
class Env:
    """One Gymnasium environment: its id and how its observations are bounded."""

    id: Annotated[str, Field(min_length=1, description="a Gymnasium id such as MountainCar-v0")] = (
        "MountainCar-v0"
    )
    low: Annotated[tuple[float, ...] | None, BOUNDS] = None
    high: Annotated[tuple[float, ...] | None, BOUNDS] = None
    max_steps: Annotated[int | None, integer(1, None, " (steps), or null", limit=10**9)] = None
    kwargs: Annotated[dict[str, Any], Field(description="a mapping passed to gymnasium.make")] = (
        dataclasses.field(default_factory=dict)
    )
    reset_options: Annotated[
        dict[str, Any], Field(description="a mapping passed to every reset, as its options")
    ] = dataclasses.field(default_factory=dict)
    actions: Annotated[int | None, integer(2, 10_000, " (per dimension of a Box of actions), or null")] = None
    wrapper: Annotated[str | None, Field(min_length=1, description="MODULE:WRAPPER, or null")] = None

    @property
    def altered(self) -> bool:
        """Whether actions, observations, rewards or starts differ from those of the id and its arguments."""
        return bool(self.actions or self.wrapper or self.reset_options)

    def __hash__(self) -> int:
        return hash(repr(self))  # a mapping cannot be hashed; repr distinguishes 1 and true, unlike ==


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
    """The Q-table's initial values: uniform in [low, high)."""

    low: Annotated[float, number("from -1e100 to 1e100", ge=-1e100, le=1e100)] = -2.0
    high: Annotated[float, number("from -1e100 to 1e100", ge=-1e100, le=1e100)] = 0.0


@dataclass(frozen=True, config=STRICT)
class Evaluation:
    """The number of checkpoints that are evaluated, and of episodes per evaluation."""

    checkpoints: Annotated[int, integer(1, 100_000)] = 50
    episodes: Annotated[int, integer(1, 10**6, " (episodes)")] = 100
    test_episodes: Annotated[int, integer(1, 10**6, " (episodes)")] = 1000


@dataclass(frozen=True, config=STRICT)
class Registry:
    """The promotion of the best checkpoint of a run or sweep, and its confirmation on fresh seeds."""

    promote: Literal["auto", "never"] = "auto"
    confirm_seeds: Annotated[int, integer(0, 10_000, " (0: no confirmation)")] = 5


@dataclass(frozen=True, config=STRICT)
class Tracking:
    """The store that a run is recorded in, and the resolution of its curves."""

    uri: Annotated[
        str,
        Field(
            pattern=r"^(local|none|https?://[^@]+|sqlite:///[^@]+|postgresql://[^@?]+)$",
            description="local, none, http(s)://HOST, sqlite:///FILE or postgresql://HOST/DATABASE, without"
            " user or password",
        ),
    ] = "local"
    experiment: Annotated[Name | None, Field(description=f"{NAME} (the environment's id)")] = None
    max_points: Annotated[int, integer(0, None, " (0: every episode)")] = 2500
    name: Annotated[Name | None, Field(description=NAME)] = None
    parent: Annotated[Name | None, Field(description="a run's id, or null")] = None
    durable_seconds: Annotated[float, number("of at least 0 (seconds; 0: never)", ge=0, le=10**6)] = 30.0
    resume: Literal["auto", "never"] = "auto"


@dataclass(frozen=True, config=STRICT)
class Sweep:
    """Settings of a multirun as a whole, not of one of its runs."""

    name: Annotated[Name | None, Field(description=f"{NAME} (the keys that it varies)")] = None
    report: Literal["auto", "never"] = "auto"
    rerun: Literal["code", "all", "failed", "never"] = "code"
    dry_run: Annotated[bool, Field(description="true or false")] = False
    batch: Annotated[int | None, integer(1, 10_000, " (runs), or null (by the number of cores)")] = None


@dataclass(frozen=True, config=STRICT)
class Config:
    """All settings of a run. conf/train.yaml explains every key."""

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
    n: Annotated[int | None, integer(1, 100_000, " (steps)")] = None
    planning_steps: Annotated[int | None, integer(0, 10_000)] = None
    learning_rate: Annotated[float, number("above 0 and at most 1", gt=0, le=1)] = 0.1
    learning_rate_schedule: Literal["constant", "linear", "visits"] = "constant"
    learning_rate_end: Fraction | None = None
    exploration: Literal["epsilon_greedy", "softmax", "ucb"] = "epsilon_greedy"
    temperature: Annotated[float | None, number("above 0 (in units of return)", gt=0, le=1e100)] = None
    confidence: Annotated[float | None, number("of at least 0 (in units of return)", ge=0, le=1e100)] = None
    ties: Literal["first", "random"] = "first"
    discretizer: Literal["uniform", "quantile", "tiles"] = "uniform"
    tilings: Annotated[int | None, integer(2, 256)] = None
    discount: Fraction = 0.95
    buckets: Annotated[
        BucketCount | BucketCounts,
        Field(description="a whole number from 1 to 100,000, or a list of them, one per dimension"),
    ] = 20
    episodes: Annotated[int, integer(1, 10**9)] = 25_000
    seed: Annotated[int, Field(ge=0, description=f"a whole number from 0 to {LARGEST_SEED:,}")] = 0
    window: Annotated[int, integer(1, None, " (episodes)", limit=10**9)] = 100
    checkpoint_every: Annotated[int, integer(1, None, " (episodes)", limit=10**9)] = 10
    terminal_rule: Literal["standard", "tutorial"] = "standard"
    engine: Literal["auto", "compiled", "gymnasium"] = "auto"


def with_slashes(name: str, env_id: str) -> str:
    """Return a name in a store with an environment's id as users write it: stores replace its slash by _."""
    return name.replace(env_id.replace("/", "_"), env_id) if "/" in env_id else name


def is_name(given: object) -> bool:
    """Return whether a value may name a sweep, and therefore a folder."""
    try:
        Sweep(name=given)  # type: ignore[arg-type]
    except ValidationError:
        return False
    return given is not None


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one, keys joined by dots: {"a": {"b": 1}} -> {"a.b": 1}."""
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
"""Dotted key of a config -> the rule that its value must follow."""


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
"""Key -> the key that decides whether it applies; a run's record holds only the keys that apply."""


def as_episode(value: int | float, episodes: int) -> int:
    """Return an integer unchanged, and a fraction as that share of `episodes`, rounded down.

    A positive fraction is at least episode 1.
    """
    if isinstance(value, int):
        return value
    return max(int(value * episodes), 1) if value else 0


def record(config: Config) -> dict[str, Any]:
    """Return the config as nested dicts and lists, as it is written to config.yaml and read back."""
    values: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))
    if not config.env.reset_options:  # as in the records of versions that did not have it
        del values["env"]["reset_options"]
    return {key: value for key, value in values.items() if key not in OPTIONAL or value is not None}


WITHOUT_EFFECT = ("tracking", "registry", "sweep", "engine", "window")
"""Keys, and groups of keys, that change neither a Q-table nor a score: they are no hyperparameters."""


def config_hash(config: Config) -> str:
    """Return 12 hex digits, the same for two resolved configs exactly if they ask for the same result."""
    # Runs recorded before `window` was left out have its default in their hash.
    values = record(config) | {"window": Config.window}
    deciding = {k: v for k, v in values.items() if k not in WITHOUT_EFFECT or k == "window"}
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:12]


def environment_hash(env: Env) -> str:
    """Return 8 hex digits that identify the environment that a return was earned in."""
    deciding = [env.id, env.kwargs, env.max_steps, env.actions, env.wrapper]
    deciding += [env.reset_options] if env.reset_options else []
    text = json.dumps(deciding, default=repr, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def variant_hash(config: Config) -> str:
    """Return the hash of a config without its seed; runs of one variant differ only by seed."""
    return config_hash(dataclasses.replace(config, seed=0))
