"""Training: two engines behind one seam, `train`, with one result; `train_blocks` for several seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module

from qsweep.config import Config, variant_hash
from qsweep.errors import Problem, UsageError
from qsweep.learning.algorithms import algorithm
from qsweep.learning.blocks import Block, Chunk, State, chunks
from qsweep.learning.task import task

__all__ = ["LANES", "Block", "Chunk", "State", "train", "train_blocks"]

LANES = 4
"""How many seeds train by turns in one loop: with more, they gain no more."""


def train(config: Config, state: State | None = None) -> Iterator[Chunk]:
    """Train a resolved config; yields its episodes chunk by chunk, in order.

    state: what a chunk gave, to go on after it. Which engine runs does not change a bit of the result.
    Raises UsageError at once where the environment cannot be made.
    """
    return chunks(_blocks(config, state))


def _blocks(config: Config, state: State | None = None) -> Iterator[Block]:
    if config.engine == "auto":
        rule = "must be resolved: use qsweep.load_config"
        raise UsageError([Problem("config", rule, config.engine)])
    engine = import_module(f"qsweep.learning.engines.{config.engine}_engine")
    blocks: Iterator[Block] = engine.train(task(config), state or {})
    return blocks


def train_blocks(configs: Sequence[Config], state: State | None = None) -> Iterator[tuple[int, Block]]:
    """Train resolved configs that differ by their seed; yields blocks with the number of their config.

    Each config's blocks hold the chunks of `train`, in order. The compiled engine trains a number of seeds by
    turns where that takes less time, and then their blocks come by turns; otherwise one follows the other.
    state: what a single config goes on from. Raises as `train` does; of several, when a config's turn comes.
    """
    if len(configs) == 1:
        return ((0, block) for block in _blocks(configs[0], state))
    assert not state, "several configs cannot be resumed at once"
    return _of_several(configs)


def _of_several(configs: Sequence[Config]) -> Iterator[tuple[int, Block]]:
    lanes = _lanes(configs)
    together = len(configs) - len(configs) % lanes if lanes > 1 else 0
    for first in range(0, together, lanes):
        from qsweep.learning.engines.compiled_engine import train_together

        some = [task(config) for config in configs[first : first + lanes]]
        yield from ((first + number, block) for number, block in train_together(some))
    for number, config in enumerate(configs[together:], together):
        yield from ((number, block) for block in _blocks(config))


def _lanes(configs: Sequence[Config]) -> int:
    """How many of some configs to train by turns."""
    alike = len({(variant_hash(config), config.engine) for config in configs}) == 1
    if not alike or configs[0].engine != "compiled":
        return 1
    if not algorithm(configs[0].algorithm).by_turns:
        return 1
    return LANES
