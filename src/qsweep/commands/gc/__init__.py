"""`qsweep gc`: free disk space by deleting runs and checkpoints that meet a condition."""

from qsweep.commands.gc.collection import Collected, collect
from qsweep.commands.gc.condition import Condition

__all__ = ["Collected", "Condition", "collect"]
