"""Training: two engines behind one seam, `train`, with one result; `train_blocks` for several seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module

from qsweep.config import Config, variant_hash
from qsweep.environments.resolved import Resolved
from qsweep.learning.algorithms import algorithm
from qsweep.learning.blocks import Block, Chunk, State, chunks
from qsweep.learning.task import task

__all__ = ["LANES", "Block", "Chunk", "State", "train", "train_blocks"]

LANES = 4
"""How many seeds train by turns in one loop: with more, they gain no more."""


def train(config: Config | Resolved, state: State | None = None) -> Iterator[Chunk]:
    """Train a resolved config; yields its episodes chunk by chunk, in order.

    config: what `load_config` returned, whose environment is then looked up here, or both of them.
    state: what a chunk gave, to go on after it. Which engine runs does not change a bit of the result.
    Raises UsageError at once where the environment cannot be made.
    """
    return chunks(_blocks(config if isinstance(config, Resolved) else Resolved.of(config), state))


def _blocks(resolved: Resolved, state: State | None = None) -> Iterator[Block]:
    engine = import_module(f"qsweep.learning.engines.{resolved.config.engine}_engine")
    blocks: Iterator[Block] = engine.train(task(resolved), state or {})
    return blocks


def train_blocks(runs: Sequence[Resolved], state: State | None = None) -> Iterator[tuple[int, Block]]:
    """Train resolved configs that differ by their seed; yields blocks with the number of their config.

    Each config's blocks hold the chunks of `train`, in order. The compiled engine trains a number of seeds by
    turns where that takes less time, and then their blocks come by turns; otherwise one follows the other.
    state: what a single config goes on from. Raises as `train` does; of several, when a config's turn comes.
    """
    if len(runs) == 1:
        return ((0, block) for block in _blocks(runs[0], state))
    assert not state, "several configs cannot be resumed at once"
    return _of_several(runs)


def _of_several(runs: Sequence[Resolved]) -> Iterator[tuple[int, Block]]:
    lanes = _lanes([run.config for run in runs])
    together = len(runs) - len(runs) % lanes if lanes > 1 else 0
    for first in range(0, together, lanes):
        from qsweep.learning.engines.compiled_engine import train_together

        some = [task(run) for run in runs[first : first + lanes]]
        yield from ((first + number, block) for number, block in train_together(some))
    for number, run in enumerate(runs[together:], together):
        yield from ((number, block) for block in _blocks(run))


def _lanes(configs: Sequence[Config]) -> int:
    """How many of some configs to train by turns."""
    alike = len({(variant_hash(config), config.engine) for config in configs}) == 1
    if not alike or configs[0].engine != "compiled":
        return 1
    if not algorithm(configs[0].algorithm).by_turns:
        return 1
    return LANES
