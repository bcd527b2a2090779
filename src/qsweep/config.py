"""The schema of a run: names, types and ranges of its keys; a check reports all errors at once."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Container, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, populate_by_name=True)


@dataclasses.dataclass(frozen=True)
class About:
    """What a key is for, in one line. unit: of its value. group: of a key without a section."""

    text: str
    unit: str = ""
    group: str = ""


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
TagName = Annotated[str, Field(max_length=200, pattern=r"^\w[\w\-]*$")]
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

    id: Annotated[
        str,
        Field(min_length=1, description="a Gymnasium id such as MountainCar-v0"),
        About("the environment; presets: env=NAME"),
    ] = "MountainCar-v0"
    low: Annotated[tuple[float, ...] | None, BOUNDS, About("lower bounds of the buckets")] = None
    high: Annotated[tuple[float, ...] | None, BOUNDS, About("upper bounds of the buckets")] = None
    max_steps: Annotated[
        int | None,
        integer(1, None, " (steps), or null", limit=10**9),
        About("longest episode; null: as registered", "steps"),
    ] = None
    kwargs: Annotated[
        dict[str, Any],
        Field(description="a mapping passed to gymnasium.make"),
        About("arguments of the environment: env.kwargs.NAME=VALUE"),
    ] = dataclasses.field(default_factory=dict)
    reset_options: Annotated[
        dict[str, Any],
        Field(description="a mapping passed to every reset, as its options"),
        About("options of every reset: env.reset_options.NAME=VALUE"),
    ] = dataclasses.field(default_factory=dict)
    actions: Annotated[
        int | None,
        integer(2, 10_000, " (per dimension of a Box of actions), or null"),
        About("values that a continuous action is reduced to"),
    ] = None
    wrapper: Annotated[
        str | None,
        Field(min_length=1, description="MODULE:WRAPPER, or null"),
        About("a wrapper of your own"),
    ] = None

    @property
    def altered(self) -> bool:
        """Whether actions, observations, rewards or starts differ from those of the id and its arguments."""
        return bool(self.actions or self.wrapper or self.reset_options)

    def __hash__(self) -> int:
        return hash(repr(self))  # a mapping cannot be hashed; repr distinguishes 1 and true, unlike ==


@dataclass(frozen=True, config=STRICT)
class Epsilon:
    """The exploration schedule: the probability of a random action, by episode."""

    schedule: Annotated[
        Literal["linear", "exponential", "constant"], About("how epsilon decays; presets: epsilon=NAME")
    ] = "linear"
    start: Annotated[
        float,
        number("of at least 0 (above 1: always explore)", ge=0),
        About("probability of a random action, at first"),
    ] = 0.5
    end: Annotated[Fraction | None, About("the same, after its decay")] = 0.0
    decay_start: Annotated[
        Episode | Fraction | None, EPISODE, About("where the decay begins", "episodes, or a fraction")
    ] = 1
    decay_end: Annotated[
        Episode | Fraction | None, EPISODE, About("where the decay ends", "episodes, or a fraction")
    ] = 0.5


@dataclass(frozen=True, config=STRICT)
class InitialQ:
    """The Q-table's initial values: uniform in [low, high), or those of a trained Q-table.

    from_: the key `from`, the name of that table; a resolved run has its run and checkpoint. sha256: of that
    table.
    """

    low: Annotated[
        float, number("from -1e100 to 1e100", ge=-1e100, le=1e100), About("lowest initial value", "return")
    ] = -2.0
    high: Annotated[
        float, number("from -1e100 to 1e100", ge=-1e100, le=1e100), About("highest initial value", "return")
    ] = 0.0
    from_: Annotated[
        str | None,
        Field(alias="from", min_length=1, description="a name that `qsweep pull` takes, a folder, or null"),
        About("start from this trained Q-table instead"),
    ] = None
    sha256: Annotated[
        str | None,
        Field(pattern="^[0-9a-f]{64}$", description="64 hex digits, or null"),
        About("hash of that Q-table; found when the run starts"),
    ] = None


@dataclass(frozen=True, config=STRICT)
class Evaluation:
    """The number of checkpoints that are evaluated, and of episodes per evaluation."""

    checkpoints: Annotated[int, integer(1, 100_000), About("checkpoints to evaluate, evenly spaced")] = 50
    episodes: Annotated[
        int, integer(1, 10**6, " (episodes)"), About("greedy episodes that select the best one", "episodes")
    ] = 100
    test_episodes: Annotated[
        int | None,
        integer(1, 10**6, " (episodes), or null"),
        About("greedy episodes that score it; null: 2,000 on MountainCar, else 1,000", "episodes"),
    ] = None


@dataclass(frozen=True, config=STRICT)
class Registry:
    """The promotion of the best checkpoint of a run or sweep, and its confirmation on fresh seeds."""

    promote: Annotated[
        Literal["auto", "never"], About("auto: register the best checkpoint, as @best if it is better")
    ] = "auto"
    confirm_seeds: Annotated[
        int,
        integer(0, 10_000, " (0: no confirmation)"),
        About("fresh seeds for the best variants of a multirun", "seeds"),
    ] = 5


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
        About("the store; presets: tracking=none, tracking=server"),
    ] = "local"
    experiment: Annotated[
        Name | None,
        Field(description=f"{NAME} (the environment's id)"),
        About("MLflow experiment; null: the environment's id"),
    ] = None
    max_points: Annotated[
        int, integer(0, None, " (0: every episode)"), About("points of a curve in MLflow; 0: all", "points")
    ] = 2500
    name: Annotated[Name | None, Field(description=NAME), About("name of the run; null: the keys given")] = (
        None
    )
    parent: Annotated[
        Name | None, Field(description="a run's id, or null"), About("run that this one is nested under")
    ] = None
    durable_seconds: Annotated[
        float,
        number("of at least 0 (seconds; 0: never)", ge=0, le=10**6),
        About("time between points that a killed run resumes from", "seconds"),
    ] = 30.0
    resume: Annotated[Literal["auto", "never"], About("auto: continue an interrupted equal run")] = "auto"
    user: Annotated[
        Name | None, Field(description=f"{NAME} (the login)"), About("whose run it is; null: the login")
    ] = None
    note: Annotated[
        str | None,
        Field(min_length=1, max_length=5000, description="a text of 1 to 5,000 letters, or null"),
        About("Description of the run in MLflow"),
    ] = None
    tags: Annotated[
        dict[TagName, str | int | float | bool],
        Field(description="a mapping of names (letters, digits, _ -) to texts or numbers"),
        About("tags of the run: tracking.tags.course=rl1"),
    ] = dataclasses.field(default_factory=dict)
    system_metrics: Annotated[
        bool, Field(description="true or false"), About("record CPU and memory use (needs psutil)")
    ] = False


@dataclass(frozen=True, config=STRICT)
class Sweep:
    """Settings of a multirun as a whole, not of one of its runs."""

    name: Annotated[
        Name | None,
        Field(description=f"{NAME} (the keys that it varies)"),
        About("name of a multirun; null: the keys that it varies"),
    ] = None
    report: Annotated[Literal["auto", "never"], About("auto: a report in the parent run")] = "auto"
    rerun: Annotated[
        Literal["code", "all", "failed", "never"],
        About("equal runs to train again: of other code, all (--again), failed, none"),
    ] = "code"
    dry_run: Annotated[
        bool, Field(description="true or false"), About("true: show runs, disk and time; run nothing")
    ] = False
    batch: Annotated[
        int | None,
        integer(1, 10_000, " (runs), or null (by the number of cores)"),
        About("runs that a worker gets at once", "runs"),
    ] = None


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
    algorithm: Annotated[
        str, Field(description="the name of an algorithm"), About("the update rule", group="algorithm")
    ] = "q_learning"
    trace_decay: Annotated[
        Fraction | None, About("lambda of q_lambda and sarsa_lambda", group="algorithm")
    ] = None
    traces: Annotated[
        Literal["replacing", "accumulating"] | None, About("traces of sarsa_lambda", group="algorithm")
    ] = None
    n: Annotated[
        int | None, integer(1, 100_000, " (steps)"), About("n of n_step_sarsa", "steps", "algorithm")
    ] = None
    planning_steps: Annotated[
        int | None, integer(0, 10_000), About("model steps per real one, of dyna_q", "steps", "algorithm")
    ] = None
    learning_rate: Annotated[
        float, number("above 0 and at most 1", gt=0, le=1), About("step size alpha", group="algorithm")
    ] = 0.1
    learning_rate_schedule: Annotated[
        Literal["constant", "linear", "visits"],
        About("decays by episode (linear) or by visits of a cell", group="algorithm"),
    ] = "constant"
    learning_rate_end: Annotated[
        Fraction | None, About("step size at the end, if linear", group="algorithm")
    ] = None
    exploration: Annotated[
        Literal["epsilon_greedy", "softmax", "ucb"], About("how actions are explored", group="exploration")
    ] = "epsilon_greedy"
    temperature: Annotated[
        float | None,
        number("above 0 (in units of return)", gt=0, le=1e100),
        About("temperature of softmax", "return", "exploration"),
    ] = None
    confidence: Annotated[
        float | None,
        number("of at least 0 (in units of return)", ge=0, le=1e100),
        About("weight of uncertainty in ucb", "return", "exploration"),
    ] = None
    ties: Annotated[
        Literal["first", "random"], About("which of several best actions to take", group="exploration")
    ] = "first"
    discretizer: Annotated[
        Literal["uniform", "quantile", "tiles"],
        About("how observations become cells", group="Q-table"),
    ] = "uniform"
    tilings: Annotated[int | None, integer(2, 256), About("number of tilings, of tiles", group="Q-table")] = (
        None
    )
    discount: Annotated[Fraction, About("gamma", group="algorithm")] = 0.95
    buckets: Annotated[
        BucketCount | BucketCounts,
        Field(description="a whole number from 1 to 100,000, or a list of them, one per dimension"),
        About("buckets per dimension", group="Q-table"),
    ] = 20
    episodes: Annotated[int, integer(1, 10**9), About("length of the training", "episodes", "run")] = 25_000
    steps: Annotated[
        int | None,
        integer(1, None, " (steps), or null", limit=10**12),
        About("end with the first checkpoint after so many; null: all episodes", "steps", "run"),
    ] = None
    seed: Annotated[
        int,
        Field(ge=0, description=f"a whole number from 0 to {LARGEST_SEED:,}"),
        About("all random numbers derive from it", group="run"),
    ] = 0
    window: Annotated[
        int,
        integer(1, None, " (episodes)", limit=10**9),
        About("average, minimum and maximum are over so many", "episodes", "run"),
    ] = 100
    checkpoint_every: Annotated[
        int,
        integer(1, None, " (episodes)", limit=10**9),
        About("a Q-table is saved every so often", "episodes", "run"),
    ] = 10
    terminal_rule: Annotated[
        Literal["standard", "tutorial"],
        About("tutorial: Q = 0 at the goal, no update at the limit", group="algorithm"),
    ] = "standard"
    engine: Annotated[
        Literal["auto", "compiled", "gymnasium"],
        About("machine code, or the environment itself", group="run"),
    ] = "auto"


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


def _fields(schema: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in schema.__pydantic_fields__.items():
        if dataclasses.is_dataclass(field.annotation):
            yield from _fields(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{field.alias or name}", field


def _rule(annotation: Any) -> str:
    """The rule of a type, or of the first of several, that none was given for: its own, or its values."""
    if get_origin(annotation) is Literal:
        return f"one of {', '.join(get_args(annotation))}"
    described = (part.description for part in getattr(annotation, "__metadata__", ()))
    return next(described, None) or _rule(get_args(annotation)[0])


_FIELDS = dict(_fields(Config))
RULES: Mapping[str, str] = {key: f.description or _rule(f.annotation) for key, f in _FIELDS.items()}
"""Dotted key of a config -> the rule that its value must follow."""
ABOUT: Mapping[str, About] = {
    key: next((each for each in f.metadata if isinstance(each, About)), About(""))
    for key, f in _FIELDS.items()
}
"""Dotted key of a config -> what it is for."""


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
    return _record(config, ())


def _record(config: Config, without: Container[str]) -> dict[str, Any]:
    values = {name: _plain(getattr(config, name)) for name in _names(Config) if name not in without}
    if not config.env.reset_options:  # as in the records of versions that did not have it
        del values["env"]["reset_options"]
    if config.steps is None:  # likewise
        del values["steps"]
    values["initial_q"]["from"] = values["initial_q"].pop("from_")
    for key in ("from", "sha256"):  # likewise
        if values["initial_q"][key] is None:
            del values["initial_q"][key]
    return {key: value for key, value in values.items() if key not in OPTIONAL or value is not None}


_SCALARS = frozenset({bool, int, float, str, type(None)})


def _plain(value: Any) -> Any:
    """Return a value as JSON gives it back. `dataclasses.asdict` takes ten times as long."""
    if type(value) in _SCALARS:  # most are: half the time of planning a large sweep
        return value
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return json.loads(json.dumps(value)) if value else {}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(getattr(value, name)) for name in _names(type(value))}
    return value


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


WITHOUT_EFFECT = ("tracking", "registry", "sweep", "engine", "window")
"""Keys, and groups of keys, that change neither a Q-table nor a score: they are no hyperparameters."""


_SORTED = json.JSONEncoder(sort_keys=True)


def config_hash(config: Config) -> str:
    """Return 12 hex digits, the same for two resolved configs exactly if they ask for the same result."""
    return _hash(config)


def _hash(config: Config, **changed: Any) -> str:
    # Runs recorded before `window` was left out have its default in their hash.
    deciding = _record(config, WITHOUT_EFFECT) | {"window": Config.window, **changed}
    if config.initial_q.sha256:  # wherever this table comes from
        deciding["initial_q"] = {"sha256": config.initial_q.sha256}
    return hashlib.sha256(_SORTED.encode(deciding).encode()).hexdigest()[:12]


def environment_hash(env: Env) -> str:
    """Return 8 hex digits that identify the environment that a return was earned in."""
    deciding = [env.id, env.kwargs, env.max_steps, env.actions, env.wrapper]
    deciding += [env.reset_options] if env.reset_options else []
    text = json.dumps(deciding, default=repr, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def variant_hash(config: Config) -> str:
    """Return the hash of a config without its seed; runs of one variant differ only by seed."""
    return _hash(config, seed=0)
