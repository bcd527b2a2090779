"""Planning the runs of a command line: resolving and checking the config of every run."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from itertools import product
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from qsweep.config import LARGEST_SEED, RULES, Config, config_hash
from qsweep.environments.resolved import Resolved
from qsweep.errors import Problem, UsageError, collecting
from qsweep.plan import overrides
from qsweep.plan.command_line import CommandLine, is_plain, read, refusing, sweep_params
from qsweep.plan.conf import composed
from qsweep.plan.presets import SEARCH_PATH, with_own_presets
from qsweep.plan.resolution import resolve

NOT_IN_NAMES = ("tracking", "registry", "sweep", "engine")
"""Keys and groups that are left out of run names and of the hash `Plan.fixed`."""
NAME_LENGTH = 200
"""The maximum number of letters of a run's name; MLflow's is 250."""
VARIABLE = re.compile(r"\$\{oc\.env:[^${}]*\}")
"""A variable of the environment, maybe with a default."""
WHOLE = re.compile(r"[\w.]+=(0|[1-9]\d{0,17})")
"""An override with a whole number, of which there are most: Hydra's parser takes 0.4 ms for it."""
REPEATED = (
    "vary only keys that change the result; engine and window never do, nor do buckets with discrete "
    "observations"
)


@dataclass(frozen=True)
class Job:
    """A planned run: its overrides in Hydra's form, its name, its resolved config and environment."""

    overrides: tuple[str, ...]
    name: str
    resolved: Resolved

    @property
    def config(self) -> Config:
        """The resolved config."""
        return self.resolved.config


@dataclass(frozen=True)
class Plan:
    """The runs of a command line.

    name: of the sweep, or of the single run. varied: the keys that vary. fixed: a hash of the other values.
    Multiruns with equal name, varied and fixed belong to one sweep, whose values may differ.
    """

    name: str
    varied: tuple[str, ...]
    fixed: str
    jobs: tuple[Job, ...]


def load_config(lines: Sequence[str] = ()) -> Config:
    """Return the resolved config for overrides as on the command line: ["buckets=40", "seed=3"].

    Raises UsageError with every problem found.
    """
    return load_resolved(lines).config


def load_resolved(lines: Sequence[str] = ()) -> Resolved:
    """Return the resolved config, as `load_config` does, with its environment, grid and twin.

    Raises UsageError with every problem found.
    """
    return plan(lines, multirun=False).jobs[0].resolved


def plan(lines: Sequence[str], multirun: bool) -> Plan:
    """Plan all runs that overrides ask for. Raises UsageError with every problem found in any of them."""
    return planned(read(with_own_presets(lines), multirun))


def planned(line: CommandLine) -> Plan:
    """Plan all runs that a command line asks for. Raises UsageError as `plan` does."""
    given, problems = list(line.given), list(line.problems)
    with refusing(problems):
        if line.multirun or any(o.key_or_group == "sweep" for o in given):
            swept = _with_preset_sweep(line, problems if line.multirun else [])
            problems += [] if line.multirun else _varied_problems(swept)
            given = swept if line.multirun else given
        given = [*overrides.enumerable(given, problems)]
        many = math.prod(overrides.count(o) or 1 for o in given if o.is_sweep_override())
        if many > overrides.MAX_RUNS:
            rule, remedy = f"must have at most {overrides.MAX_RUNS:,} runs", "split it into several"
            raise UsageError([*problems, Problem("multirun", rule, f"{many:,}", remedy)])
        return _plan(given, problems)


def _with_preset_sweep(line: CommandLine, problems: list[Problem]) -> list[Override]:
    """Return the parameters of a +sweep preset, replaced and extended by the given overrides."""
    search = [typed for typed in line.lines if typed.startswith(SEARCH_PATH)]
    preset = overrides.usable(sweep_params(line.sweeper, problems), True, search, problems)
    return list({o.key_or_group: o for o in [*preset, *line.given]}.values())


def _varied_problems(given: list[Override]) -> Iterator[Problem]:
    """Refuse a +sweep preset in a single run unless each key that it varies is given one value."""
    varied = [o.key_or_group for o in given if o.is_sweep_override()]
    if varied:
        yield Problem("sweep", f"varies {', '.join(varied)}", None, "add -m, or give each key one value")


def _plan(given: list[Override], problems: list[Problem]) -> Plan:
    """Return the plan for valid overrides. Raises UsageError with `problems` and those of all runs."""
    swept = [o for o in given if o.is_sweep_override()]
    named = swept or [o for o in given if not overrides.for_hydra(o)]
    jobs: list[Job] = []
    known = _Known()
    for lines in product(*map(overrides.alternatives, given)):
        pairs = list(zip(given, lines, strict=True))
        tasks = (line for o, line in pairs if not overrides.for_hydra(o))
        with collecting(problems):
            resolved = _resolved(pairs, known, problems)
            name = _name(resolved.config, [line for o, line in pairs if o in named])
            jobs.append(Job(tuple(tasks), name, resolved))
    problems += repeated(jobs)
    if problems:
        raise UsageError(problems)
    varied = tuple(o.key_or_group for o in swept)
    name = jobs[0].config.sweep.name or ",".join(varied) or jobs[0].name
    return Plan(name, varied, _fixed([o for o in given if o not in swept]), tuple(jobs))


@dataclass(frozen=True)
class _Known:
    """Results shared by the runs of a plan, added as they are found: they take most of the time.

    variables: of the environment, as written -> resolved. variants: lines without the seed's -> a run.
    """

    variables: dict[str, Any] = field(default_factory=dict)
    variants: dict[tuple[str, ...], Resolved] = field(default_factory=dict)


Pairs = Sequence[tuple[Override, str]]
"""The overrides of a run, each with the line that it has in this run."""


def _resolved(pairs: Pairs, known: _Known, problems: list[Problem]) -> Resolved:
    """Resolve the config of one run. Raises UsageError; problems that are found before go to `problems`."""
    variant, seed = tuple(line for o, line in pairs if o.key_or_group != "seed"), _seed(pairs)
    if seed is not None and variant in known.variants:
        return known.variants[variant].changed(seed=seed)
    values, wrong, alone = _interpolated(_values(pairs), known.variables)
    problems += [*wrong, *_seed_problems(values.get("seed")), *_missing_packages(values)]
    found = resolve(values)
    if alone:
        known.variants[variant] = found
    return found


def _seed(pairs: Pairs) -> int | None:
    """Return the seed that the lines of a run give, if it is a valid one."""
    for override, line in reversed(pairs):
        if override.key_or_group == "seed":
            value = _value(line) if is_plain(override) else None
            return value if type(value) is int and 0 <= value <= LARGEST_SEED else None
    return None


def _seed_problems(seed: Any) -> Iterator[Problem]:
    if isinstance(seed, int) and seed > LARGEST_SEED:
        shown = seed if seed.bit_length() < 1000 else f"a number of {seed.bit_length():,} bits"
        yield Problem("seed", f"must be {RULES['seed']}", shown)


def _missing_packages(values: Mapping[str, Any]) -> Iterator[Problem]:
    if values["tracking"].get("system_metrics") is True and find_spec("psutil") is None:
        rule = "needs the package psutil, with which MLflow measures"
        yield Problem("tracking.system_metrics", rule, True, "pip install psutil")


def _fixed(given: Sequence[Override]) -> str:
    """Return a hash, of twelve hex digits, of the values that all runs share, without NOT_IN_NAMES."""
    lines = [line for override in given for line in overrides.alternatives(override)]
    values = {k: v for k, v in _values([*zip(given, lines, strict=True)]).items() if k not in NOT_IN_NAMES}
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:12]


def repeated(jobs: Sequence[Job]) -> Iterator[Problem]:
    """Yield a problem for the first run that has the same config as another one.

    Resuming identifies runs by the hash of their config: of two equal ones, it would discard one.
    """
    first: dict[str, int] = {}
    for number, job in enumerate(jobs):
        known = first.setdefault(config_hash(job.config), number)
        if known != number:
            other = jobs[known].name
            rule = "is requested twice" if other == job.name else f"is the same run as {other}"
            yield Problem(job.name, rule, None, REPEATED)
            return


def _name(config: Config, lines: Sequence[str]) -> str:
    """Return `tracking.name` or a name made of the overrides; an experiment shows its preset's name alone."""
    if config.tracking.name:
        return config.tracking.name
    given = dict(line.lstrip("+").partition("=")[::2] for line in lines)
    words = [
        value if key == "experiment" else f"{key}={_plain(key, value)}"
        for key, value in given.items()
        if not key.startswith(NOT_IN_NAMES)
    ]
    if "seed" not in given:
        words.append(f"seed={config.seed}")
    return _shortened(words).replace("/", "_")


def _plain(key: str, value: str) -> str:
    """Return a value as a run's name shows it.

    It is without the quotes of another run's name, and the backslashes that Hydra writes before the spaces of
    a swept value.
    """
    if key == "initial_q.from":
        return value.strip("'\"")
    return value if "'" in value or '"' in value else value.replace("\\ ", " ").replace("\\\t", "\t")


def _shortened(words: Sequence[str]) -> str:
    """Return words as a name of at most NAME_LENGTH letters, with the seed and a hash of the rest."""
    name = ",".join(words)
    if len(name) <= NAME_LENGTH:
        return name
    seed = "".join(f",{word}" for word in words if word.startswith("seed="))
    rest = ",".join(word for word in words if not word.startswith("seed="))
    mark = f"~{hashlib.sha256(rest.encode()).hexdigest()[:6]}{seed}"
    return f"{rest[: NAME_LENGTH - len(mark)]}{mark}"


def _values(pairs: Pairs) -> dict[str, Any]:
    """Return the composed values of one run.

    Hydra composes each combination of groups once. Plain values are then set directly, which gives Hydra's
    result in a hundredth of its time.
    """
    values: dict[str, Any] = _copied(composed(tuple(line for o, line in pairs if not is_plain(o))).values)
    for override, line in pairs:
        if is_plain(override):
            section, _, name = override.key_or_group.rpartition(".")
            (values[section] if section else values)[name] = _copied(_value(line))
    return values


def _copied(value: Any) -> Any:
    """Return a copy of plain values, five times as fast as `copy.deepcopy` makes it."""
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    return [*map(_copied, value)] if isinstance(value, list) else value


@lru_cache(maxsize=overrides.MAX_RUNS)
def _value(line: str) -> Any:
    if number := WHOLE.fullmatch(line):
        return int(number[1])
    problems: list[Problem] = []
    for override in overrides.parsed([line], problems):
        return override.value()
    raise UsageError(problems)


class _Related(Exception):
    """A value refers to other values."""


def _resolved_alone(value: Any, variables: dict[str, Any]) -> Any:
    """Resolve variables of the environment, without a config of all values, which takes as long as a run.

    variables: what was resolved for another run of the plan: it takes half as long as all else.
    Raises _Related for other interpolations, and OmegaConfBaseException.
    """
    if isinstance(value, dict):
        return {key: _resolved_alone(inner, variables) for key, inner in value.items()}
    if isinstance(value, list):
        return [_resolved_alone(inner, variables) for inner in value]
    if not isinstance(value, str) or "${" not in value:
        return value
    if "\\" in value or "${" in VARIABLE.sub("", value):
        raise _Related
    if value not in variables:
        variables[value] = OmegaConf.create([value])[0]
    return variables[value]


def _interpolated(
    values: dict[str, Any], variables: dict[str, Any]
) -> tuple[dict[str, Any], list[Problem], bool]:
    """Resolve interpolations; values that fail are left out and returned as problems.

    Returns also whether no value refers to another.
    """
    with suppress(_Related, OmegaConfBaseException):
        return _resolved_alone(values, variables), [], True
    problems: list[Problem] = []
    config = OmegaConf.create(values)
    while True:
        try:
            return OmegaConf.to_container(config, resolve=True), problems, False  # type: ignore[return-value]
        except OmegaConfBaseException as error:
            key = str(error.full_key)
            problems.append(Problem(key, overrides.hydra_message(error).partition(" full_key")[0]))
            section, _, name = key.rpartition(".")
            del (OmegaConf.select(config, section) if section else config)[name]
