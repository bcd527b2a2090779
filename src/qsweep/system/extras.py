"""Packages that a feature needs beside qsweep's own requirements, and how to install them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from qsweep.errors import Problem, UsageError

PACKAGES = {
    "box2d": {"Box2D": "'gymnasium[box2d]'"},
    "hub": {"huggingface_hub": "huggingface_hub"},
    "postgresql": {"psycopg": "'psycopg[binary]'"},
    "ray": {"ray": "ray"},
    "server": {"psycopg": "'psycopg[binary]'", "flask_wtf": "'mlflow[auth]'"},
    "slurm": {"submitit": "submitit"},
    "video": {"av": "av", "pygame": "pygame-ce"},
}
"""Extra -> module -> the package that contains it, as a shell reads it."""
NO_WHEEL = "Box2D has no wheel for Python 3.14; use Python 3.11 to 3.13"


def problems(extra: str, key: str, value: Any = None) -> Iterator[Problem]:
    """Yield a problem about `key` if a module of an extra is not installed."""
    missing = {module: package for module, package in PACKAGES[extra].items() if find_spec(module) is None}
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        rule = f"needs {' and '.join(missing)}, which {verb} not installed"
        yield Problem(key, rule, value, remedy(extra, list(missing)))


def remedy(extra: str, modules: list[str]) -> str:
    """Return the command that installs the packages of these modules."""
    if extra == "box2d" and sys.version_info >= (3, 14):
        return NO_WHEEL
    return f"pip install {' '.join(PACKAGES[extra][module] for module in modules)}"


def need(extra: str, key: str, value: Any = None) -> None:
    """Raise UsageError unless the modules of an extra are installed."""
    if found := list(problems(extra, key, value)):
        raise UsageError(found)
