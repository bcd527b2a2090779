"""Training: two engines behind one seam, `train`, with one result."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from qsweep.config import Config
from qsweep.training.chunk import Chunk
from qsweep.training.task import task

__all__ = ["Chunk", "train"]


def train(config: Config) -> Iterator[Chunk]:
    """Train a resolved config; yields its episodes chunk by chunk, in order.

    Which engine runs does not change a bit of the result. Raises UsageError at once where the
    environment cannot be made.
    """
    engine = import_module(f"qsweep.training.{config.engine}_engine")
    chunks: Iterator[Chunk] = engine.train(task(config))
    return chunks
