"""Parsing overrides, KEY=VALUE, and checking them against the existing keys and presets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import Override, Transformer
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from qsweep.config import OPTIONAL, RULES
from qsweep.errors import Problem, closest, one_line
from qsweep.plan.conf import PRIMARY, hydra_app
from qsweep.plan.ranges import parser_of, values_of

GROUPS = (
    *("env", "algorithm", "learning_rate_schedule", "discretizer", "exploration", "epsilon"),
    *("tracking", "experiment", "sweep"),
)
ADDED = ("experiment", "sweep")
"""Groups outside the defaults list: Hydra requires a leading +, which is optional here."""
MAPPINGS = ("env.kwargs.", "env.reset_options.")
"""The beginnings of keys whose names are free."""
ADDIBLE = ("env.kwargs", "env.reset_options", "env.actions", "env.wrapper", *OPTIONAL)
"""Keys that a preset may lack: Hydra requires a leading ++, which is optional here."""
SEEDS = "hydra.sweeper.seeds="
"""The value is quoted: Hydra would read 0,1,2 as several values of its own option, and refuse them."""
SECTIONS = tuple(dict.fromkeys(key.partition(".")[0] for key in RULES if "." in key))

HydraErrors = (HydraException, OmegaConfBaseException, YAMLError)


def parsed(lines: Iterable[str], problems: list[Problem]) -> Iterator[Override]:
    """Yield the overrides that can be parsed; add the problems of the others."""
    loader = hydra_app().config_loader
    parser = parser_of(loader)
    for line in lines:
        try:
            override = parser.parse_override(line)
        except HydraErrors as error:
            problems.append(Problem(line, "must be written KEY=VALUE", None, hydra_message(error)))
            continue
        override.config_loader = loader
        yield override


def usable(
    lines: Iterable[str], multirun: bool, search: Sequence[str], problems: list[Problem]
) -> Iterator[Override]:
    """Yield the valid overrides; add the problems of the others. search: the search-path overrides."""
    for override in parsed(map(normalized, lines), problems):
        wrong = [] if for_hydra(override) else [*_problems(override, multirun, search)]
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
    if line.startswith(tuple(f"{group}=" for group in ADDED)):
        return f"+{line}"
    if _key(line) in ADDIBLE or _key(line).startswith(MAPPINGS):
        return "++" + line.lstrip("+")
    return line.lstrip("+") if _key(line) in RULES else line


def alternatives(override: Override) -> list[str]:
    """Return one override per value of a sweep override, or the override itself."""
    if not override.is_sweep_override():
        return [override.input_line or ""]
    key = (override.input_line or "").partition("=")[0]
    return [f"{key}={Transformer.str(value)}" for value in values_of(override)]


def quoted(text: str) -> str:
    """Quote a string as a value in Hydra's override grammar."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def hydra_message(error: Exception) -> str:
    """Return an error's message in one line, without Hydra's link to its documentation."""
    return one_line(error).partition(" See https")[0]


def _problems(override: Override, multirun: bool, search: Sequence[str]) -> Iterator[Problem]:
    key, line = override.key_or_group, override.input_line or ""
    if override.is_delete():
        yield Problem(key, "cannot be removed", line, "set it to another value")
        return
    if override.is_sweep_override() and not multirun:
        remedy = f"add -m for a multirun, or write a list: {key}=[...]"
        yield Problem(key, "takes one value in a single run", line, remedy)
        return
    try:
        swept = override.is_sweep_override()
        values = values_of(override) if swept else [override.value()]
    except (*HydraErrors, AttributeError, ValueError) as error:
        remedy = "write KEY=A,B,C or KEY=range(N)"
        yield Problem(key, "must be a list of values", line, f"{hydra_message(error)}; {remedy}")
        return
    if not values:
        yield Problem(key, "has no values", line)
        return
    if key in GROUPS and not all(isinstance(value, Mapping) for value in values):
        yield from _preset_problems(key, values, search)
    elif key not in RULES and key not in SECTIONS and not key.startswith(MAPPINGS):
        yield Problem(key, "is not a key", line, closest(key, [*RULES, *GROUPS]))


def _preset_problems(group: str, values: Sequence[Any], search: Sequence[str]) -> Iterator[Problem]:
    loader = hydra_app().config_loader
    presets = loader.get_group_options(group, config_name=PRIMARY, overrides=[*search])
    for value in values:
        if str(value) not in presets:
            remedy = closest(str(value), presets)
            given = "null" if value is None else str(value)
            yield Problem(group, f"must be a preset of {group}", given, remedy)
