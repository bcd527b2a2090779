"""Compiled twins of Gymnasium environments: the same observations and rewards, bit for bit.

A new one is a module beside this file with a `TWIN`, and its line in `MODULES`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # numba is imported only by who compiles
    from qsweep.dynamics.twin import Twin

MODULES = {
    "Acrobot-v1": "acrobot",
    "CartPole-v1": "cart_pole",
    "MountainCar-v0": "mountain_car",
}
"""Gymnasium id -> module of this package. A twin stands for the environment without arguments."""


def has_twin(env_id: str) -> bool:
    """Whether the environment has a compiled twin (answered without importing numba)."""
    return env_id in MODULES


def twin_of(env_id: str) -> Twin:
    """The compiled twin of a Gymnasium environment.

    Raises KeyError where there is none.
    """
    module = import_module(f"qsweep.dynamics.{MODULES[env_id]}")
    found: Twin = module.TWIN
    return found
