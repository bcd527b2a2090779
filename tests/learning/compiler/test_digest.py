from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qsweep.learning.compiler import digest as module
from qsweep.learning.compiler.compilation import compiled
from qsweep.learning.compiler.digest import digest

FILES = {
    "d_far.py": "from enum import IntEnum\nEDGE = 1.0\n\n\nclass Side(IntEnum):\n    LEFT = 3\n",
    "d_params.py": """
import numpy as np
from numba import njit
import d_far as far
from d_far import EDGE as SAME

WIDE = np.zeros(2000)
NESTED = (1.0, (np.zeros(2000),))


@njit(cache=True)
def helper(x):
    return x + far.EDGE


def made(shift):
    def inner(x):
        return x + shift
    return inner


def by_default(x, lift=far.EDGE):
    return x + lift


shifted = made(far.EDGE)
""",
    "d_twin.py": """
import math
import d_params as p
import d_params
from d_params import SAME, by_default, helper, shifted

alias = p


def attribute(x):
    return x + p.far.EDGE


def through_alias(x):
    return x + alias.SAME


def compiled_helper(x):
    return p.helper(x)


def compiled_by_name(x):
    return helper(x)


def constant(x):
    return x + SAME


def closure(x):
    return shifted(x)


def default(x):
    return by_default(x)


def nested(x):
    def deeper(y):
        return y + p.far.EDGE
    return deeper(x)


def wide(x):
    return x + p.WIDE[0] + p.NESTED[0]


def member(x):
    return x + p.far.Side.LEFT
""",
}
REACHED = [
    *("attribute", "through_alias", "compiled_helper", "compiled_by_name", "constant", "closure", "default"),
    "nested",
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Write the modules of a twin."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield tmp_path
    forget()


def forget() -> None:
    """Forget the modules, as another process does not know them."""
    for name in [name for name in sys.modules if name.startswith("d_")]:
        del sys.modules[name]
    importlib.invalidate_caches()
    module._text.cache_clear()


def function(name: str) -> Any:
    """Return a function of the twin, as a new process imports it."""
    forget()
    return getattr(importlib.import_module("d_twin"), name)


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize("name", REACHED)
def test_a_constant_two_files_away_is_noticed(name: str, folder: Path) -> None:
    """However the function reaches it; and the digest is the same again after the edit is taken back."""
    before = digest(function(name), ())
    assert digest(function(name), ()) == before
    edit(folder / "d_far.py", "EDGE = 1.0", "EDGE = 0.3")
    assert digest(function(name), ()) != before
    edit(folder / "d_far.py", "EDGE = 0.3", "EDGE = 1.0")
    assert digest(function(name), ()) == before


@pytest.mark.parametrize("edited", ["WIDE = np.zeros(2000)", "NESTED = (1.0, (np.zeros(2000),))"])
def test_the_middle_of_a_long_array_is_noticed(edited: str, folder: Path) -> None:
    """Its representation as text leaves it out."""
    before = digest(function("wide"), ())
    edit(
        folder / "d_params.py",
        "\n\n\n@njit",
        "\nWIDE[1000] = 1.0\n\n\n@njit" if "WIDE" in edited else "\nNESTED[1][0][1000] = 1\n\n\n@njit",
    )
    assert digest(function("wide"), ()) != before


def test_a_member_of_an_enumeration_is_noticed(folder: Path) -> None:
    """Of a class in a module in a module."""
    before = digest(function("member"), ())
    edit(folder / "d_far.py", "LEFT = 3", "LEFT = 4")
    assert digest(function("member"), ()) != before


def test_code_counts_as_it_is_in_memory(folder: Path) -> None:
    """A process that imported the code before an edit does not store it as the edited code."""
    old = function("default")
    edit(folder / "d_twin.py", "return by_default(x)", "return by_default(x) + 1")
    module._text.cache_clear()
    stale = digest(old, ())
    assert digest(function("default"), ()) != stale


@pytest.mark.parametrize("name", ["attribute", "compiled_helper", "closure", "default"])
def test_compiled_code_has_the_edited_value(name: str, folder: Path) -> None:
    """Also where numba keeps a helper in a cache of its own, which knows only the helper's file."""
    from numba import float64

    assert compiled(function(name), float64(float64))(1.0) == 2.0
    edit(folder / "d_far.py", "EDGE = 1.0", "EDGE = 0.5")
    assert compiled(function(name), float64(float64))(1.0) == 1.5
