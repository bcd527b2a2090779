"""The algorithms, one module each: the update rule in textbook letters, the memory, the learning step.

A module defines `learn` and, if it needs them:

- `memory`: creates the arrays that the algorithm keeps beside the Q-table;
- `forget`: resets the memory before an episode;
- `HYPERPARAMETERS`: the keys of a config that only this algorithm has;
- `NEEDS_NEXT_ACTION`: True if it learns from a step after the next action was chosen;
- `SUPPORTS_TILES`: False if it needs exactly one cell per state;
- `SUPPORTS_TUTORIAL_RULE`: True if it implements the tutorial's terminal rule;
- `MAX_STEPS`: the maximum number of steps of an episode (0: no limit);
- `INTERLEAVED`: False if interleaving several seeds in one loop saves no time.

A new algorithm is a module here, a preset in conf/algorithm/ and a test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from qsweep.system.arrays import Floats

NAMES = tuple(sorted(file.stem for file in Path(__file__).parent.glob("[a-z]*.py")))
"""The names of all algorithms."""


@dataclass(frozen=True)
class Basis:
    """The inputs from which an algorithm's memory is made.

    q: the agent's Q-table, float64[cells, actions]. another_table: draws a second initial table. max_steps:
    the step limit of an episode. tutorial: the tutorial's terminal rule applies. hyperparameters: the
    algorithm's own keys and their values.
    """

    q: Floats
    another_table: Callable[[], Floats]
    tilings: int
    max_steps: int
    gamma: float
    tutorial: bool
    hyperparameters: Mapping[str, Any]


class NoMemory(NamedTuple):
    """The memory of an algorithm that keeps nothing beside the Q-table."""

    nothing: bool


def _memory(_: Basis) -> NoMemory:
    return NoMemory(False)


def _forget(_: Any, __: Any) -> None:
    """Do nothing: there is no memory to reset."""


@dataclass(frozen=True)
class Algorithm:
    """An algorithm, as its module defines it; for the fields see above."""

    name: str
    learn: Callable[..., None]
    forget: Callable[..., None] = _forget
    memory: Callable[[Basis], Any] = _memory
    hyperparameters: tuple[str, ...] = ()
    needs_next_action: bool = False
    supports_tiles: bool = True
    supports_tutorial_rule: bool = False
    max_steps: int = 0
    interleaved: bool = True


def algorithm(name: str) -> Algorithm:
    """Return the algorithm called `name`, one of `NAMES`.

    Raises ModuleNotFoundError if there is none.
    """
    defined = vars(import_module(f"qsweep.learning.algorithms.{name}"))
    functions = {key: defined[key] for key in ("learn", "forget", "memory") if key in defined}
    constants = {field.name: field.name.upper() for field in fields(Algorithm)}
    given = {key: defined[constant] for key, constant in constants.items() if constant in defined}
    return Algorithm(name, **functions, **given)
