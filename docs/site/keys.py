"""The page of all config keys, made from the schema, the presets in conf/ and the algorithms."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from qsweep.config import OPTIONAL, RULES, flatten
from qsweep.learning.algorithms import NAMES, algorithm
from qsweep.plan.checking import DEPENDENT_KEYS
from qsweep.plan.conf import composed, conf_folder

UNIT = re.compile(r"\(?(?:in )?(episodes|steps|seconds|runs|units of return)\b")
UNITS = {
    "episodes": "episodes",
    "epsilon.decay_start": "episodes, or a share of them",
    "epsilon.decay_end": "episodes, or a share of them",
    "epsilon.start": "probability",
    "epsilon.end": "probability",
    "env.low": "units of the observation",
    "env.high": "units of the observation",
    "initial_q.low": "units of return",
    "initial_q.high": "units of return",
    "env.max_steps": "steps",
    "env.actions": "actions",
    "buckets": "buckets per dimension",
    "tilings": "grids",
    "planning_steps": "steps",
    "evaluation.checkpoints": "checkpoints",
    "registry.confirm_seeds": "seeds",
    "tracking.max_points": "points",
}
"""The units of keys whose rule does not name one."""
DEFAULTS = ("env/mountain_car.yaml", "epsilon/linear.yaml", "tracking/local.yaml", "discretizer/tiles.yaml")
"""Presets whose comments are read first, below conf/."""
CHOICES = {
    "algorithm": "[algorithms](algorithms/README.md)",
    "learning_rate_schedule": "[learning-rate schedules](exploration.md#learning-rate-schedules)",
    "exploration": "[exploration](exploration.md#exploration)",
    "discretizer": "[discretisers](discretizers/README.md)",
    "epsilon.schedule": "[epsilon](exploration.md#epsilon); chosen by `epsilon=linear` and others",
    "env.reset_options": "options of every reset, as [environments](environments.md) describes",
    "env.wrapper": "a wrapper of yours: [environments](environments.md)",
}
"""Keys that conf/ explains in whole files, and the page about them."""
COMMENT = re.compile(r"^(\s*)([\w.]+):[^#]*?(?:#\s*(.*))?$")
MORE = re.compile(r"^\s{15,}#\s*(.*)$")
INTRODUCTION = """# Every config key

This page is made from the schema by which qsweep checks a config. *Default* is the value without an override;
a key that belongs to an algorithm or another choice has the value of that preset.
[Configuration](configuration.md) explains how keys are set, swept and grouped into presets.
"""


def page() -> str:
    """Return the page as Markdown."""
    parts = [INTRODUCTION, *_sections(), "## Values of the environments' presets", *_environments()]
    return "\n".join(parts) + "\n"


def rows() -> Iterator[tuple[str, ...]]:
    """Yield for each key: key, default, unit, range, what it belongs to, what it does."""
    defaults, told = flatten(composed(()).values), comments()
    owners = belongings()
    for key, rule in RULES.items():
        default = defaults[key] if key in defaults else _of_preset(key)
        yield (
            key,
            shown(default),
            unit(key),
            rule,
            owners.get(key, "all runs"),
            CHOICES.get(key) or told.get(key, ""),
        )


def unit(key: str) -> str:
    """Return the unit of a key's value, or an empty string."""
    found = UNIT.search(RULES[key])
    return UNITS.get(key) or (found[1] if found else "")


def belongings() -> Mapping[str, str]:
    """Return the keys that apply to some runs only -> the choices that they belong to."""
    owners = {key: [] for key in OPTIONAL}
    for name in NAMES:
        for key in algorithm(name).hyperparameters:
            owners[key].append(f"`algorithm={name}`")
    for choice, values in DEPENDENT_KEYS.items():
        for value, keys in values.items():
            for key in keys:
                owners[key].append(f"`{choice}={value}`")
    more = {
        "env.actions": ["environments with a Box of actions"],
        "env.low": ["continuous dimensions"],
        "env.high": ["continuous dimensions"],
        "buckets": ["continuous dimensions"],
        "epsilon.end": ["`epsilon=linear`", "`epsilon=exponential`"],
        "epsilon.decay_start": ["`epsilon=linear`", "`epsilon=exponential`"],
        "epsilon.decay_end": ["`epsilon=linear`", "`epsilon=exponential`"],
    }
    multirun = {key: ["multiruns"] for key in RULES if key.startswith("sweep.")}
    return {key: ", ".join(names) for key, names in (owners | more | multirun).items()}


def comments() -> Mapping[str, str]:
    """Return key -> the comment beside it in conf/: in train.yaml, or in the first preset that has one."""
    found: dict[str, str] = {}
    defaults = [*DEFAULTS, *sorted(conf_folder().glob("*/*.yaml"))]
    files = [conf_folder() / "train.yaml", *(conf_folder() / file for file in defaults)]
    for file in files:
        group = file.parent.name
        nested = "@package _global_" not in file.read_text() and file.name != "train.yaml"
        for key, text in _commented(file.read_text().splitlines(), f"{group}." if nested else ""):
            if key in RULES and text:
                found.setdefault(key, text)
    return found


def _commented(lines: list[str], prefix: str) -> Iterator[tuple[str, str]]:
    section, key, text = "", "", ""
    for line in lines:
        if key and (more := MORE.match(line)):
            text = f"{text} {more[1]}"
            continue
        if key:
            yield key, text.replace("|", "\\|")
        key = ""
        if parts := COMMENT.match(line):
            inside, name, told = parts[1], parts[2], parts[3] or ""
            section = (
                section
                if inside
                else ("" if line.split("#")[0].rstrip().removesuffix(":") != name else f"{name}.")
            )
            key, text = f"{prefix}{section if inside else ''}{name}", told
    if key:
        yield key, text


def _of_preset(key: str) -> Any:
    """Return the value of an optional key in the first preset that sets it."""
    for file in sorted(conf_folder().glob("*/*.yaml")):
        if file.parent.name == OPTIONAL.get(key):
            values = flatten(yaml.safe_load(file.read_text()))
            if key in values:
                return values[key]
    return {} if key == "env.reset_options" else None


def shown(value: Any) -> str:
    """Return a value as it is typed."""
    if value is None or isinstance(value, bool):
        return str(yaml.safe_dump(value)).split("\n")[0]
    if isinstance(value, list):
        return f"[{','.join(map(shown, value))}]"
    return str(value)


def _sections() -> Iterator[str]:
    sections: dict[str, list[tuple[str, ...]]] = {}
    for row in rows():
        sections.setdefault(row[0].partition(".")[0] if "." in row[0] else "", []).append(row)
    for name in sorted(sections):
        yield f"\n## {f'`{name}.`' if name else 'Without a group'}\n"
        yield "| key | default | unit | range | belongs to |"
        yield "| --- | --- | --- | --- | --- |"
        for key, default, of, rule, owner, told in sections[name]:
            yield f"| `{key}`<br>{told} | `{default}` | {of} | {rule} | {owner} |"


def _environments() -> Iterator[str]:
    yield "\n| preset | sets |\n| --- | --- |"
    for file in sorted((conf_folder() / "env").glob("*.yaml")):
        values = yaml.safe_load(file.read_text())
        flat = flatten(values if "env" in values else {"env": values})
        given = (f"`{key}={shown(value)}`" for key, value in flat.items() if value not in (None, {}))
        yield f"| `env={file.stem}` | {' '.join(given)} |"
