"""The page of all config keys, made from the schema, the presets in conf/ and the algorithms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from qsweep.config import ABOUT, OPTIONAL, RULES, flatten
from qsweep.learning.algorithms import NAMES, algorithm
from qsweep.plan.checking import DEPENDENT_KEYS
from qsweep.plan.conf import composed, conf_folder
from qsweep.plan.key_list import groups

INTRODUCTION = """# Every config key

This page is made from the schema by which qsweep checks a config. *Default* is the value without an override;
a key that belongs to an algorithm or another choice has the value of that preset.
`qsweep keys` prints a shorter list. [Configuration](configuration.md) explains how keys are set and swept.
"""


def page() -> str:
    """Return the page as Markdown."""
    parts = [INTRODUCTION, *_sections(), "## Values of the environments' presets", *_environments()]
    return "\n".join(parts) + "\n"


def row(key: str) -> tuple[str, ...]:
    """Return what is known of a key: default, unit, range, what it belongs to, what it is for."""
    defaults = flatten(composed(()).values)
    default = defaults[key] if key in defaults else _of_preset(key)
    about = ABOUT[key]
    text = about.text.replace("|", "\\|")
    return shown(default), about.unit, RULES[key], belongings().get(key, "all runs"), text


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
    for title, keys in groups().items():
        yield f"\n## {title}\n"
        yield "| key | default | unit | range | belongs to |"
        yield "| --- | --- | --- | --- | --- |"
        for key in keys:
            default, unit, rule, owner, text = row(key)
            yield f"| `{key}`<br>{text} | `{default}` | {unit} | {rule} | {owner} |"


def _environments() -> Iterator[str]:
    yield "\n| preset | sets |\n| --- | --- |"
    for file in sorted((conf_folder() / "env").glob("*.yaml")):
        values = yaml.safe_load(file.read_text())
        flat = flatten(values if "env" in values else {"env": values})
        given = (f"`{key}={shown(value)}`" for key, value in flat.items() if value not in (None, {}))
        yield f"| `env={file.stem}` | {' '.join(given)} |"
