"""Training whose agent runs in the interpreter instead of compiled code."""

from __future__ import annotations

from qsweep.environments.resolved import Resolved
from qsweep.learning.blocks import Chunk, chunks
from qsweep.learning.compiler.compilation import specialised
from qsweep.learning.engines.gymnasium_engine import Actor, blocks
from qsweep.learning.engines.learner import learner
from qsweep.learning.engines.stepping import advance, functions_of, record_of, start
from qsweep.learning.training import within_steps


def train_interpreted(run: Resolved) -> list[Chunk]:
    """Train a run on the Gymnasium environment; return its chunks."""
    learning = learner(run)
    record, names = record_of(run, learning), functions_of(learning)
    functions = (specialised(function, names) for function in (start, advance))
    with run.open() as env:
        made = blocks(run, env, Actor(record, record, *functions), 0)
        numbered = ((0, block) for block in made)
        return list(chunks(block for _, block in within_steps(run.config.steps, numbered, [0])))
