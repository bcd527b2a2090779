"""The pages of the site that are made from the code, without building the site."""

from __future__ import annotations

import re
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest

from qsweep.config import OPTIONAL, RULES
from qsweep.learning.algorithms import NAMES, algorithm
from qsweep.plan.composition import load_config

SITE = Path(__file__).parents[1] / "docs" / "site"


@pytest.fixture(scope="module")
def keys() -> dict[str, Any]:
    """The names of docs/site/keys.py."""
    return run_path(str(SITE / "keys.py"))


def test_every_key_has_a_row(keys: dict[str, Any]) -> None:
    """With its default, its range, and the choices that it belongs to."""
    page = keys["page"]()
    assert [key for key in RULES if f"\n| `{key}`<br>" not in page] == []
    for key, rule in RULES.items():
        default, _, told_rule, owner, text = keys["row"](key)
        assert told_rule == rule
        assert all((default, owner, text)), key


def test_the_defaults_are_those_of_a_run(keys: dict[str, Any]) -> None:
    """Composed without an override, or with the choice that the key belongs to."""
    config, default = load_config([]), lambda key: keys["row"](key)[0]
    for key in ("learning_rate", "discount", "buckets", "episodes", "window", "checkpoint_every", "ties"):
        assert default(key) == str(getattr(config, key))
    assert default("trace_decay") == str(load_config(["algorithm=q_lambda"]).trace_decay)
    assert default("tilings") == str(load_config(["discretizer=tiles", "buckets=8"]).tilings)
    assert default("env.low") == "null"


def test_optional_keys_name_their_choices(keys: dict[str, Any]) -> None:
    """Every algorithm's own hyperparameters name it, and all other optional keys their choice."""
    owners = keys["belongings"]()
    for name in NAMES:
        for key in algorithm(name).hyperparameters:
            assert f"`algorithm={name}`" in owners[key]
    assert owners["temperature"] == "`exploration=softmax`"
    assert all(owners[key] for key in OPTIONAL)


def test_the_page_of_keys_is_sound_markdown(keys: dict[str, Any]) -> None:
    """All rows of a table have as many cells as its head; every environment's preset is listed."""
    page = keys["page"]()
    for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
    assert "| `env=cart_pole` | `buckets=[3,3,12,8]`" in page
