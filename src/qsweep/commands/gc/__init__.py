"""`qsweep gc`: make room: fewer checkpoints in a run's history, fewer runs; only by a stated condition."""

from qsweep.commands.gc.collection import Collected, collect
from qsweep.commands.gc.condition import Condition

__all__ = ["Collected", "Condition", "collect"]
