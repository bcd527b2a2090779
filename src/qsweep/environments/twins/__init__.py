"""Compiled twins of Gymnasium environments, with the same observations and rewards bit for bit.

To add one, write a module beside this file that defines `TWIN`, and add it to `MODULES`. In a package of
your own, name it as an entry point of the group `qsweep.twins`, called as the environment's id:
docs/environments.md.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points

from qsweep.environments.failures import is_interrupt
from qsweep.environments.twins.pcg64 import integer, uniform
from qsweep.environments.twins.twin import Twin
from qsweep.errors import Problem, UsageError, one_line

__all__ = ["Twin", "integer", "named_twin", "uniform"]

MODULES = {
    "Acrobot-v1": "acrobot",
    "Blackjack-v1": "blackjack",
    "CartPole-v0": "cart_pole",
    "CartPole-v1": "cart_pole",
    "MountainCar-v0": "mountain_car",
}
"""Gymnasium id -> module of this package."""

GROUP = "qsweep.twins"


def named_twin(env_id: str) -> Twin | None:
    """Return the twin of an environment id, from this package or an entry point; None if there is none.

    Raises UsageError if an entry point cannot be loaded.
    """
    if env_id in MODULES:
        found: Twin = import_module(f"qsweep.environments.twins.{MODULES[env_id]}").TWIN
        return found
    registered = env_id.rpartition(":")[2]  # without the module that registers it
    for point in entry_points(group=GROUP, name=registered):
        try:
            loaded = point.load()
        except BaseException as error:  # whatever a third party's module raises
            if is_interrupt(error):
                raise
            rule = f"compiled needs the twin of {env_id}, which could not be loaded"
            raise UsageError([Problem("engine", rule, point.value, one_line(error, kind=True))]) from error
        if not isinstance(loaded, Twin):
            raise UsageError([Problem("engine", f"the twin of {env_id} must be a Twin", point.value)])
        return loaded
    return None
