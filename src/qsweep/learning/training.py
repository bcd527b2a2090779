"""Training: `train` for one run on either engine, with the same result; `train_blocks` for several seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module

import numpy as np

from qsweep.config import Config, variant_hash
from qsweep.environments.resolved import Resolved
from qsweep.learning.algorithms import algorithm
from qsweep.learning.blocks import Block, Chunk, State, chunks

__all__ = ["LANES", "Block", "Chunk", "State", "train", "train_blocks"]

LANES = 16
"""The maximum number of seeds that are trained side by side in one loop."""


def train(config: Config | Resolved, state: State | None = None) -> Iterator[Chunk]:
    """Train a resolved config; yield its chunks of episodes in order.

    config: from `load_config`, whose setting is then looked up here, or a `Resolved`. state: a chunk's
    state, from which training is resumed. Both engines give the same result bit for bit. Raises UsageError
    in the call, not in the iteration, if the environment cannot be made.
    """
    return chunks(_blocks(config if isinstance(config, Resolved) else Resolved.of(config), state))


def _blocks(resolved: Resolved, state: State | None = None) -> Iterator[Block]:
    blocks = ((0, block) for block in _all_blocks(resolved, state))
    return (block for _, block in within_steps(resolved.config.steps, blocks, [_steps_in(state)]))


def _all_blocks(resolved: Resolved, state: State | None) -> Iterator[Block]:
    engine = import_module(f"qsweep.learning.engines.{resolved.config.engine}_engine")
    blocks: Iterator[Block] = engine.train(resolved, state or {})
    return blocks


def train_blocks(runs: Sequence[Resolved], state: State | None = None) -> Iterator[tuple[int, Block]]:
    """Train resolved configs that differ by their seed; yield (index of a config, block of it).

    The blocks of each config hold the chunks of `train`, in order. The compiled engine interleaves several
    seeds if that saves time, and then yields their blocks in turn; otherwise it trains one after the other.
    state: the state from which a single config is resumed. Raises as `train` does; with several configs,
    in the iteration.
    """
    if len(runs) == 1:
        return ((0, block) for block in _blocks(runs[0], state))
    assert not state, "several configs cannot be resumed at once"
    return _of_several(runs)


def _of_several(runs: Sequence[Resolved]) -> Iterator[tuple[int, Block]]:
    lanes = LANES if _alike([run.config for run in runs]) else 1
    for first in range(0, len(runs), lanes):
        together = runs[first : first + lanes]
        yield from ((first + number, block) for number, block in _side_by_side(together))


def _side_by_side(runs: Sequence[Resolved]) -> Iterator[tuple[int, Block]]:
    if len(runs) == 1:
        return ((0, block) for block in _blocks(runs[0]))
    from qsweep.learning.engines.compiled_engine import train_interleaved

    return within_steps(runs[0].config.steps, train_interleaved(runs), [0] * len(runs))


def within_steps(
    budget: int | None, blocks: Iterator[tuple[int, Block]], done: list[int]
) -> Iterator[tuple[int, Block]]:
    """Yield each run's blocks up to the first checkpoint with at least `budget` steps; None: all blocks.

    done: the steps that each run has taken before. The state of a block has the steps, to resume from.
    """
    if budget is None:
        yield from blocks
        return
    ended = [False] * len(done)  # what has ended has no state to resume from
    for number, block in blocks:
        if ended[number]:  # it is trained further, interleaved with runs that have not ended
            continue
        done[number] += int(block.lengths.sum())
        ended[number] = done[number] >= budget and block.spans[-1].checkpoint
        state = None if ended[number] or block.state is None else _with_steps(block.state, done[number])
        yield number, block._replace(state=state)
        if all(ended):
            return


def _with_steps(state: Callable[[], State], steps: int) -> Callable[[], State]:
    def both() -> State:
        found = state()
        return {**found, "steps": np.array(steps)} if found else found

    return both


def _steps_in(state: State | None) -> int:
    return int(state["steps"]) if state and "steps" in state else 0


def _alike(configs: Sequence[Config]) -> bool:
    """Return whether configs can be interleaved."""
    one_variant = len({(variant_hash(config), config.engine) for config in configs}) == 1
    return one_variant and configs[0].engine == "compiled" and algorithm(configs[0].algorithm).interleaved
