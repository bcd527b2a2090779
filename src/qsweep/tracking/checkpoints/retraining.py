"""Training a run again for the checkpoints that its file leaves out.

Training is exact to the bit, so the tables in the file prove those between them: a table is returned only
after training has gone on to the next table in the file, and all up to there were equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from qsweep.environments.resolved import Resolved, Start
from qsweep.errors import Problem, UsageError
from qsweep.learning.training import train_blocks
from qsweep.plan.resolution import recorded
from qsweep.system.arrays import QTable
from qsweep.tracking.checkpoints.layout import name_of

Tables = Iterator[tuple[int, QTable]]
"""Numbers of episodes, ascending, with the Q-table after them."""


def retrained(config: Mapping[str, Any], stored: Tables, episodes: Sequence[int]) -> Tables:
    """Yield the checkpoints after these numbers of episodes, ascending, from training a run again.

    config: the run's, from its record, which is not trusted. stored: the checkpoints in its file, of which
    the last comes after all requested ones. Raises UsageError if the run cannot be made here, or if training
    leads to other tables than those stored.
    """
    requested, waiting, before = set(episodes), [], 0
    number, expected = next(stored)
    run = recorded(config)
    if number == 0:
        run = replace(run, start=Start(expected, "", ""))
    for end, table in _trained(run):
        if end in requested:
            waiting.append((end, table.copy()))
        if end != number:
            continue
        if table.tobytes() != expected.tobytes():
            break
        yield from waiting
        if end >= episodes[-1]:
            return
        waiting, before = [], number
        number, expected = next(stored)
    near = " and ".join(name_of(each) for each in (before, number) if each)
    missing = next((end for end in episodes if end > before), number)
    rule = "is not stored, and training gives other tables here than when the run was recorded"
    raise UsageError([Problem("checkpoint", rule, name_of(missing), f"stored are {near}")])


def _trained(run: Resolved) -> Tables:
    """Yield the table after each span of training; first the one that it starts from, if any."""
    if run.start:
        yield 0, run.start.q_table
    for _, block in train_blocks([run]):
        yield from zip((span.end for span in block.spans), block.tables, strict=True)
