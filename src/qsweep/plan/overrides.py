"""Parsing overrides, KEY=VALUE, and checking them against the existing keys and presets."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, RangeSweep, Transformer
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from qsweep.config import OPTIONAL, RULES
from qsweep.errors import Problem, closest, one_line
from qsweep.plan.conf import ADDED, hydra_app, quoted
from qsweep.plan.presets import preset_problems

GROUPS = (
    *("env", "algorithm", "learning_rate_schedule", "discretizer", "exploration", "epsilon"),
    *("tracking", "experiment", "sweep"),
)
MAPPINGS = ("env.kwargs.", "env.reset_options.", "tracking.tags.")
"""The beginnings of keys whose names are free."""
FROM = "initial_q.from="
ADDIBLE = (
    *("env.kwargs", "env.reset_options", "env.actions", "env.wrapper", "initial_q.from", "initial_q.sha256"),
    *OPTIONAL,
)
"""Keys that a preset may lack: Hydra requires a leading ++, which is optional here."""
SEEDS = "hydra.sweeper.seeds="
"""The value is quoted: Hydra would read 0,1,2 as several values of its own option, and refuse them."""
SECTIONS = tuple(dict.fromkeys(key.partition(".")[0] for key in RULES if "." in key))

SEVERAL = "run one after the other, or write a preset with both in its defaults list"
MAX_RUNS = 100_000
"""The maximum number of runs of a multirun, and of values of a key."""

HydraErrors = (HydraException, OmegaConfBaseException, YAMLError, UnicodeDecodeError, RecursionError)
"""UnicodeDecodeError: a preset that another one includes is not in UTF-8. RecursionError: lists in lists."""


def parsed(lines: Iterable[str], problems: list[Problem]) -> Iterator[Override]:
    """Yield the overrides that can be parsed; add the problems of the others."""
    loader = hydra_app().config_loader
    parser = OverridesParser.create(config_loader=loader)
    for line in lines:
        try:
            line.encode()
            override = parser.parse_override(line)
        except (
            *HydraErrors,
            ValueError,
        ) as error:  # ValueError: thousands of digits; bytes that are no UTF-8
            problems.append(
                Problem(line.lstrip("+"), "must be written KEY=VALUE", None, hydra_message(error))
            )
            continue
        override.config_loader = loader
        yield override


def usable(
    lines: Iterable[str], multirun: bool, search: Sequence[str], problems: list[Problem]
) -> Iterator[Override]:
    """Yield the valid overrides; add the problems of the others. search: the search-path overrides."""
    chosen: dict[str, str] = {}
    for override in parsed(map(normalized, lines), problems):
        key, line = override.key_or_group, override.input_line or ""
        wrong = [*_problems(override, multirun, search)]
        if key in ADDED and (other := chosen.setdefault(key, line)) != line:
            wrong = [Problem(key, "takes one preset", f"{other} {line}", SEVERAL)]
        problems += wrong
        if not wrong:
            yield override


def for_hydra(override: Override) -> bool:
    """Return True if an override configures Hydra, which then checks it."""
    return override.key_or_group.startswith(("hydra.", "hydra/"))


def _key(line: str) -> str:
    return line.lstrip("+").partition("=")[0]


def normalized(line: str) -> str:
    """Return an override in the form that Hydra accepts: with the + it requires and quoted seeds."""
    if line.startswith(SEEDS) and not line.endswith(("'", '"')):
        return f"{SEEDS}{quoted(line.removeprefix(SEEDS))}"
    if line.lstrip("+").startswith(FROM):
        return f"++{_quoted_name(line.lstrip('+'))}"
    if line.startswith(tuple(f"{group}=" for group in ADDED)):
        return f"+{line}"
    if _key(line) in ADDIBLE or _key(line).startswith(MAPPINGS):
        return "++" + line.lstrip("+")
    return line.lstrip("+") if _key(line) in RULES else line


def _quoted_name(line: str) -> str:
    """Quote the name of a run, which may have = and commas: initial_q.from=buckets=20,seed=0."""
    name = line.removeprefix(FROM)
    return f"{FROM}{quoted(name)}" if "=" in name and not name.endswith(("'", '"')) else line


def alternatives(override: Override) -> list[str]:
    """Return one override per value of a sweep override, or the override itself."""
    if not override.is_sweep_override():
        return [override.input_line or ""]
    key = (override.input_line or "").partition("=")[0]
    return [f"{key}={Transformer.str(value)}" for value in override.sweep_iterator()]


def hydra_message(error: Exception) -> str:
    """Return an error's message in one line, without Hydra's link to its documentation."""
    return one_line(error).partition(" See https")[0]


def _problems(override: Override, multirun: bool, search: Sequence[str]) -> Iterator[Problem]:
    key, line = override.key_or_group, override.input_line or ""
    if for_hydra(override):
        if "/" in key and not override.is_sweep_override() and not override.is_delete():
            yield from preset_problems(key, override.value(), search)
        return
    if override.is_delete():
        yield Problem(key, "cannot be removed", line, "set it to another value")
        return
    if override.is_sweep_override() and not multirun:
        several = f"several: qsweep train -m {shlex.quote(line)}"
        remedy = f"{several}; a list: {key}=[...]" if "list" in RULES.get(key, "") else several
        yield Problem(key, "takes one value in a single run", line, remedy)
        return
    if key in GROUPS:
        yield from _group_problems(override, search)
    elif key not in RULES and key not in SECTIONS and not key.startswith(MAPPINGS):
        yield Problem(key, "is not a key", line, closest(key, [*RULES, *GROUPS]))


def _group_problems(override: Override, search: Sequence[str]) -> Iterator[Problem]:
    key, line = override.key_or_group, override.input_line or ""
    swept = override.is_sweep_override()
    if swept and (wrong := [*_list_problems(override)]):
        yield from wrong
        return
    values = list(override.sweep_iterator()) if swept else [override.value()]
    if key == "sweep" and len(values) > 1:
        yield Problem(key, "takes one preset", line, SEVERAL)
    elif not all(isinstance(value, Mapping) for value in values):
        for value in values:
            yield from preset_problems(key, value, search)


def enumerable(given: Iterable[Override], problems: list[Problem]) -> Iterator[Override]:
    """Yield the overrides whose values can be listed; add the problems of the others."""
    for override in given:
        swept = override.is_sweep_override() and not for_hydra(override)
        wrong = [*_list_problems(override)] if swept else []
        problems += wrong
        if not wrong:
            yield override


def _list_problems(override: Override) -> Iterator[Problem]:
    key, line = override.key_or_group, override.input_line or ""
    try:
        many = count(override)
        values = list(override.sweep_iterator()) if many <= MAX_RUNS else []
    except (*HydraErrors, AttributeError, ValueError, ArithmeticError) as error:  # the last: of decimals
        remedy = "write KEY=A,B,C or KEY=range(N)"
        yield Problem(key, "must be a list of values", line, f"{hydra_message(error)}; {remedy}")
        return
    if many > MAX_RUNS:
        yield Problem(key, f"must have at most {MAX_RUNS:,} values; it has {many:,}", line)
    elif not values:
        yield Problem(key, "has no values", line)


def count(override: Override) -> int:
    """Return the number of values of an override, without listing those of a range; 0 if it is not known.

    Raises ValueError if they are infinitely many.
    """
    value = override.value()
    if isinstance(value, RangeSweep) and value.step:
        span = (float(value.stop or 0) - float(value.start or 0)) / float(value.step)
        if not math.isfinite(span):
            raise ValueError("a range needs finite numbers")
        return max(0, math.ceil(span))
    return len(value.list) if isinstance(value, ChoiceSweep) else 0
