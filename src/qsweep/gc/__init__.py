"""`qsweep gc`: make room: fewer checkpoints in a run's history, fewer runs; only by a stated condition."""

from qsweep.gc.collecting import Collected, collect
from qsweep.gc.condition import Condition

__all__ = ["Collected", "Condition", "collect"]
