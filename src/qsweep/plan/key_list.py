"""The list of keys, generated from the schema: by group, with default, unit and what each is for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import click

from qsweep.config import ABOUT, RULES, Config, flatten
from qsweep.errors import Problem, UsageError, closest
from qsweep.plan.conf import conf_folder

TITLES = {
    "run": "Run",
    "env": "Environment",
    "Q-table": "Q-table",
    "initial_q": "Initial values",
    "algorithm": "Algorithm",
    "exploration": "Exploration",
    "epsilon": "Exploration by epsilon",
    "evaluation": "Evaluation",
    "registry": "Registry",
    "tracking": "Record",
    "sweep": "Multiruns",
}
"""Group of keys, or section of the config -> its title, in the order of the list."""
PRESETS = (
    *("env", "+experiment", "+sweep", "algorithm", "epsilon", "exploration"),
    *("learning_rate_schedule", "discretizer", "tracking"),
)
WIDEST = 36
"""Letters of the first column."""


def defaults() -> Mapping[str, str]:
    """Return the default of every key as it is typed."""
    known = flatten(dataclasses.asdict(Config()))
    return {key: _typed(known.get(key)) for key in RULES}


def _typed(value: object) -> str:
    if value is None or value == {}:
        return "null" if value is None else "{}"
    return (
        str(value).lower()
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


def groups() -> dict[str, list[str]]:
    """Return title -> keys, in the order of the list."""
    found: dict[str, list[str]] = {title: [] for title in TITLES.values()}
    for key, about in ABOUT.items():
        group = about.group or key.partition(".")[0]
        found.setdefault(TITLES.get(group, group), []).append(key)
    return found


def preset_names(group: str) -> list[str]:
    """Return the packaged presets of a group."""
    return sorted(file.stem for file in (conf_folder() / group.lstrip("+")).glob("*.yaml"))


def write_keys(formatter: click.HelpFormatter, word: str = "") -> None:
    """Write the list of keys, or of those that contain a word, with the rule of each.

    Raises UsageError if there is none.
    """
    shown = 0
    values = defaults()
    for title, keys in groups().items():
        rows = [(f"{key}={values[key]}", text) for key in keys if word in key for text in [_text(key, word)]]
        shown += len(rows)
        if rows:
            with formatter.section(title):
                formatter.write_dl(rows, col_max=WIDEST)
    if not shown:
        raise UsageError([Problem("qsweep keys", "no key contains this word", word, closest(word, RULES))])
    if not word:
        with formatter.section("Presets, GROUP=NAME"):
            formatter.write_dl([(group, ", ".join(preset_names(group))) for group in PRESETS])


def _text(key: str, word: str) -> str:
    about = ABOUT[key]
    unit = f" ({about.unit})" if about.unit else ""
    return f"{about.text}{unit}" + (f": {RULES[key]}" if word else "")


def key_lines(word: str, width: int) -> Iterator[str]:
    """Yield the lines of `qsweep keys`."""
    formatter = click.HelpFormatter(width=width)
    write_keys(formatter, word)
    yield from formatter.getvalue().strip("\n").split("\n")
