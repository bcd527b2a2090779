"""Command-line overrides -> resolved configs, through Hydra; everything wrong is found first."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from qsweep.config import RULES, Config, config_hash
from qsweep.environments.resolved import Resolved
from qsweep.errors import Problem, UsageError
from qsweep.plan import overrides
from qsweep.plan.resolution import resolve

UNNAMED = ("tracking", "registry", "sweep", "engine")
"""Keys and groups that do not show in a run's name."""
SAME = "vary only keys that change the result; engine never does, nor do buckets with discrete observations"


@dataclass(frozen=True)
class Job:
    """One run to be: its overrides as Hydra takes them, its name, its resolved config and environment."""

    overrides: tuple[str, ...]
    name: str
    resolved: Resolved

    @property
    def config(self) -> Config:
        """The resolved config."""
        return self.resolved.config


@dataclass(frozen=True)
class Plan:
    """What a command line asks for.

    name: the sweep's, or the run's. varied: the keys it varies. fixed: a hash of all else; multiruns that
    share name, varied and fixed are one, perhaps with more values.
    """

    name: str
    varied: tuple[str, ...]
    fixed: str
    jobs: tuple[Job, ...]


def conf_folder() -> Path:
    """The folder of configs: beside the code in a wheel, at the top of a checkout."""
    packaged = Path(__file__).parents[1] / "conf"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "conf"


def load_config(lines: Sequence[str] = ()) -> Config:
    """The resolved config of overrides as on the command line: ["buckets=40", "seed=3"].

    Raises UsageError with every problem found.
    """
    return load_resolved(lines).config


def load_resolved(lines: Sequence[str] = ()) -> Resolved:
    """What `load_config` gives, with its environment as it was looked up.

    Raises UsageError with every problem found.
    """
    return _checked_plan(tuple(lines), multirun=False).jobs[0].resolved


def plan(lines: tuple[str, ...], multirun: bool) -> Plan:
    """All runs that a command line asks for, each checked; made once, though Hydra asks again.

    Raises UsageError with every problem found in any of them.
    """
    return _last_plan(lines, multirun)


@lru_cache(maxsize=1)
def _last_plan(lines: tuple[str, ...], multirun: bool) -> Plan:  # as `plan`, by position alone: its key
    return _checked_plan(lines, multirun)


def _checked_plan(lines: tuple[str, ...], multirun: bool) -> Plan:
    problems: list[Problem] = []
    with _hydra():
        try:
            given, wrong = _usable(lines, multirun)
            problems += wrong
            if multirun or any(o.key_or_group == "sweep" for o in given):
                swept, more = _with_preset_sweep(given)
                problems += more if multirun else _still_swept(swept)
                given = swept if multirun else given
            return _plan(given, problems)
        except overrides.HydraErrors as error:
            raise UsageError([*problems, Problem("configuration", overrides.said_by_hydra(error))]) from error


def search_options(lines: Sequence[str]) -> dict[str, Any]:
    """The `hydra.sweeper` node of a command line that asks for a search; empty where it asks for none.

    Whatever is wrong with the lines is left to `plan` or `search_plan` to say.
    """
    if not any("sweep" in line for line in lines):
        return {}
    with _hydra():
        try:
            usable, _ = _usable(lines, multirun=True)
            single = [o.input_line or "" for o in usable if not o.is_sweep_override()]
            composed = compose("train", overrides=single, return_hydra_config=True)
        except overrides.HydraErrors:
            return {}
        node = OmegaConf.to_container(composed.hydra.sweeper)
    assert isinstance(node, dict)
    options = {str(key): value for key, value in node.items()}
    return options if str(options.pop("_target_")).endswith("QsweepOptuna") else {}


def _hydra() -> AbstractContextManager[Any]:
    if GlobalHydra.instance().is_initialized():
        return nullcontext()
    return initialize_config_dir(version_base="1.3", config_dir=str(conf_folder()))


def _usable(lines: Sequence[str], multirun: bool) -> tuple[list[Override], list[Problem]]:
    """The overrides that have no problem, and the problems of the others."""
    usable, problems = [], []
    lines = [overrides.normal(line) for line in lines]
    search = [line for line in lines if line.startswith("hydra.searchpath=")]
    for line in lines:
        parsed, wrong = overrides.parse([line], multirun, search)
        usable += [] if wrong else parsed
        problems += wrong
    return usable, problems


def _with_preset_sweep(given: list[Override]) -> tuple[list[Override], list[Problem]]:
    """The parameters of a +sweep preset, then what was given, which counts where both name a key."""
    single = [o.input_line or "" for o in given if not o.is_sweep_override()]
    composed = compose("train", overrides=single, return_hydra_config=True)
    if not OmegaConf.is_dict(composed.hydra.sweeper.params) and composed.hydra.sweeper.params is not None:
        rule = "must be a mapping of keys to what they vary over"
        return given, [Problem("hydra.sweeper.params", rule, composed.hydra.sweeper.params)]
    params = OmegaConf.to_container(composed.hydra.sweeper.params or OmegaConf.create({}))
    assert isinstance(params, dict)
    search = [line for line in single if line.startswith("hydra.searchpath=")]
    lines = [*search, *(f"{key!s}={value}" for key, value in params.items())]
    preset, problems = _usable(lines, multirun=True)
    preset = preset[len(search) :]
    return list({o.key_or_group: o for o in [*preset, *given]}.values()), problems


def _still_swept(given: list[Override]) -> Iterator[Problem]:
    """A +sweep preset in a single run needs one value for everything that it varies."""
    varied = [o.key_or_group for o in given if o.is_sweep_override()]
    if varied:
        yield Problem("sweep", f"varies {', '.join(varied)}", None, "add -m, or give each key one value")


def _plan(given: list[Override], problems: list[Problem]) -> Plan:
    """The plan of usable overrides; raises UsageError with `problems` and those of its runs."""
    swept = [o for o in given if o.is_sweep_override()]
    named = swept or [o for o in given if not overrides.for_hydra(o)]
    jobs: list[Job] = []
    for lines in product(*map(overrides.alternatives, given)):
        values, wrong = _resolved(_values(given, lines))
        problems += wrong
        name = _name(values, [line for o, line in zip(given, lines, strict=True) if o in named])
        tasks = (line for o, line in zip(given, lines, strict=True) if not overrides.for_hydra(o))
        try:
            jobs.append(Job(tuple(tasks), name, resolve(values)))
        except UsageError as error:
            problems += error.problems
    problems += _repeated(jobs)
    if problems:
        raise UsageError(problems)
    varied = tuple(o.key_or_group for o in swept)
    name = jobs[0].config.sweep.name or ",".join(varied) or jobs[0].name
    return Plan(name, varied, _fixed([o for o in given if o not in swept]), tuple(jobs))


def _fixed(given: Sequence[Override]) -> str:
    """Twelve hex digits of what is the same in every run of a sweep, but for how it is recorded."""
    lines = [line for override in given for line in overrides.alternatives(override)]
    values = {k: v for k, v in _values(given, lines).items() if k not in UNNAMED}
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _repeated(jobs: Sequence[Job]) -> Iterator[Problem]:
    """Runs that would be the same, because what is varied makes no difference to them.

    A later launch knows runs by their configs' hashes: of two with the same, it would discard one.
    """
    first: dict[str, int] = {}
    for number, job in enumerate(jobs):
        known = first.setdefault(config_hash(job.config), number)
        if known != number:
            other = jobs[known].name
            rule = "is requested twice" if other == job.name else f"is the same run as {other}"
            yield Problem(job.name, rule, None, SAME)
            return


def _name(values: Mapping[str, Any], lines: Sequence[str]) -> str:
    """A run's name: its own, or what was given; an experiment by its preset's name alone."""
    if values["tracking"]["name"]:
        return str(values["tracking"]["name"])
    given = dict(line.lstrip("+").partition("=")[::2] for line in lines)
    words = [
        value if key == "experiment" else f"{key}={value}"
        for key, value in given.items()
        if not key.startswith(UNNAMED)
    ]
    if "seed" not in given:
        words.append(f"seed={values['seed']}")
    return ",".join(words).replace("/", "_")[:200]


def _values(given: Sequence[Override], lines: Sequence[str]) -> dict[str, Any]:
    """The composed values of one run.

    Hydra composes each combination of groups once; plain values are then set, which is what Hydra
    would do, at a hundredth of its time.
    """
    pairs = list(zip(given, lines, strict=True))
    composed = _composed(tuple(line for o, line in pairs if not _is_plain(o)))
    values = copy.deepcopy(composed)
    for line in (line for o, line in pairs if _is_plain(o)):
        for override in _parsed(line):
            section, _, name = override.key_or_group.rpartition(".")
            (values[section] if section else values)[name] = copy.deepcopy(override.value())
    return values


@lru_cache(maxsize=4096)
def _parsed(line: str) -> list[Override]:
    """A plain override, parsed; nothing where it is wrong, which has been said already."""
    return overrides.parse([line], multirun=False)[0]


def _resolved(values: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """Values with their interpolations resolved; those that cannot be are left out, as problems."""
    if "${" not in repr(values):
        return values, []
    problems: list[Problem] = []
    config = OmegaConf.create(values)
    while True:
        try:
            return OmegaConf.to_container(config, resolve=True), problems  # type: ignore[return-value]
        except OmegaConfBaseException as error:
            key = str(error.full_key)
            problems.append(Problem(key, overrides.said_by_hydra(error).partition(" full_key")[0]))
            section, _, name = key.rpartition(".")
            del (OmegaConf.select(config, section) if section else config)[name]


def _is_plain(override: Override) -> bool:
    text = override.input_line or ""
    key = override.key_or_group
    return key in RULES and key not in overrides.GROUPS and "${" not in text and "={" not in text


@lru_cache(maxsize=256)
def _composed(lines: tuple[str, ...]) -> dict[str, Any]:
    values = OmegaConf.to_container(compose("train", overrides=list(lines)))
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}
