"""Training: two engines behind one seam, `train`, with one result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module

from qsweep.config import Config
from qsweep.problems import Problem, UsageError
from qsweep.training.chunk import Chunk, State
from qsweep.training.task import task

__all__ = ["Chunk", "State", "train", "train_seeds"]


def train(config: Config, state: State | None = None) -> Iterator[Chunk]:
    """Train a resolved config; yields its episodes chunk by chunk, in order.

    state: what a chunk gave, to go on after it. Which engine runs does not change a bit of the result.
    Raises UsageError at once where the environment cannot be made.
    """
    if config.engine == "auto":
        rule = "must be resolved: use qsweep.load_config"
        raise UsageError([Problem("config", rule, config.engine)])
    engine = import_module(f"qsweep.training.{config.engine}_engine")
    chunks: Iterator[Chunk] = engine.train(task(config), state or {})
    return chunks


def train_seeds(configs: Sequence[Config]) -> Iterator[tuple[int, Chunk]]:
    """Train resolved configs that differ only by their seed; yields which one, and its next chunk."""
    for number, config in enumerate(configs):
        for chunk in train(config):
            yield number, chunk
