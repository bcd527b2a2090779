"""Runs that are trained and recorded where their configs say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qsweep.learning.blocks import Block
from qsweep.runs import runner
from qsweep.runs.runner import Outcome, Work
from qsweep.tracking import tracker
from qsweep.tracking.store import open_tracked


def run(works: Sequence[Work], receive: Callable[[Block], None] = lambda _: None) -> list[Outcome]:
    """Train and record runs as a command or a worker does, which opens their store."""
    return runner.run(works, receive, tracker(open_tracked(works[0].config.tracking.uri)))
