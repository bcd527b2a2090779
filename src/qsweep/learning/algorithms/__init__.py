"""The algorithms, one module each: its rule in textbook letters, what it keeps, what it does at a step.

A module has `learn`, and where it needs them `memory` (what it keeps beside the Q-table), `forget` (before an
episode), `HYPERPARAMETERS` (keys of a config that are its own), `LOOKS_AHEAD` (it learns about a step after
the next action was chosen), `TILES` (False: it wants one cell per state), `TUTORIAL` (it knows the
tutorial's terminal rule), `LONGEST` (steps in an episode, at most), `BY_TURNS` (False: several seeds in one
loop take as long as one after the other). A new algorithm is a module here, a
preset in conf/algorithm/ and a test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NAMES = tuple(sorted(file.stem for file in Path(__file__).parent.glob("[a-z]*.py")))
"""The algorithms that there are."""


@dataclass(frozen=True)
class Basis:
    """What an algorithm's memory is made for.

    q: the agent's table, float64[cells, actions]; another: draws a table like its first one. max_steps:
    in an episode. hyperparameters: those that the algorithm names.
    """

    q: Floats
    another: Callable[[], Floats]
    tilings: int
    max_steps: int
    gamma: float
    tutorial: bool
    hyperparameters: Mapping[str, Any]


class Nothing(NamedTuple):
    """What an algorithm keeps that keeps nothing beside the Q-table."""

    nothing: bool


@dataclass(frozen=True)
class Algorithm:
    """An algorithm, as its module has it."""

    name: str
    learn: Callable[..., None]
    forget: Callable[..., None]
    memory: Callable[[Basis], Any]
    hyperparameters: tuple[str, ...]
    looks_ahead: bool
    tiles: bool
    tutorial: bool
    longest: int
    by_turns: bool


def algorithm(name: str) -> Algorithm:
    """The algorithm of a name.

    Raises ModuleNotFoundError where there is none; `NAMES` has them all.
    """
    module = import_module(f"qsweep.learning.algorithms.{name}")
    return Algorithm(
        name,
        module.learn,
        getattr(module, "forget", _forget),
        getattr(module, "memory", _memory),
        getattr(module, "HYPERPARAMETERS", ()),
        getattr(module, "LOOKS_AHEAD", False),
        getattr(module, "TILES", True),
        getattr(module, "TUTORIAL", False),
        getattr(module, "LONGEST", 0),
        getattr(module, "BY_TURNS", True),
    )


def _memory(_: Basis) -> Nothing:
    return Nothing(False)


def _forget(_: Any, __: Any) -> None:
    """Nothing is kept from episode to episode."""
