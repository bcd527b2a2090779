"""Training: two engines behind one seam, `train`, with one result."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from qsweep.config import Config
from qsweep.problems import Problem, UsageError
from qsweep.training.chunk import Chunk
from qsweep.training.task import task

__all__ = ["Chunk", "train"]


def train(config: Config) -> Iterator[Chunk]:
    """Train a resolved config; yields its episodes chunk by chunk, in order.

    Which engine runs does not change a bit of the result. Raises UsageError at once where the
    environment cannot be made.
    """
    if config.engine == "auto":
        rule = "must be resolved: use qsweep.load_config"
        raise UsageError([Problem("config", rule, config.engine)])
    engine = import_module(f"qsweep.training.{config.engine}_engine")
    chunks: Iterator[Chunk] = engine.train(task(config))
    return chunks
