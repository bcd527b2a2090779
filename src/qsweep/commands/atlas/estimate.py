"""The time that cells of the atlas will take, from a short training of each environment and algorithm."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from joblib import cpu_count

from qsweep.commands.atlas.protocol import Cell, Protocol, reporting
from qsweep.learning.training import train
from qsweep.plan.composition import load_resolved

STEPS = 20_000
"""Steps of the short training."""
OVERHEAD_SECONDS = 0.25
"""Of a run besides its training: recording, evaluation, its part of starting the workers. On one core."""
REFERENCE = "q_learning"


def estimate(given: Protocol, wanted: Sequence[Cell], done: int) -> str:
    """Return what would run, and how long it would take on this machine and with 64 cores."""
    runs = sum(_runs(given, cell) for cell in wanted)
    seconds = _all_seconds(given, wanted)
    cores = cpu_count()
    return (
        f"{len(wanted)} cells to run ({done} are done): {runs:,} runs, "
        f"{sum(cell.budget.steps * _runs(given, cell) for cell in wanted):,} environment steps\n"
        f"about {_time(seconds / cores)} on {cores} cores, {_time(seconds / 64)} on 64"
    )


def _runs(given: Protocol, cell: Cell) -> int:
    return cell.budget.trials * cell.budget.tuning_seeds + given.seeds


def _all_seconds(given: Protocol, wanted: Sequence[Cell]) -> float:
    """Return the estimated seconds of all runs on one core.

    An algorithm's time is relative to that of Q-learning in the first environment: measuring each cell would
    compile each.
    """
    if not wanted:
        return 0.0
    entries = {cell.entry.name: cell for cell in wanted}
    steps = {name: _step(given, replace(cell, algorithm=REFERENCE)) for name, cell in entries.items()}
    first = wanted[0]
    of_algorithm = {
        name: _step(given, replace(first, algorithm=name)) / steps[first.entry.name]
        for name in dict.fromkeys(cell.algorithm for cell in wanted)
    }
    return sum(
        _runs(given, cell)
        * (OVERHEAD_SECONDS + cell.budget.steps * of_algorithm[cell.algorithm] * steps[cell.entry.name])
        for cell in wanted
    )


def _step(given: Protocol, cell: Cell) -> float:
    """Return the seconds of a training step in a cell, compiled before."""
    words = [word for word in reporting(given, cell, ())[1:] if not word.startswith(("steps=", "seed="))]
    run = load_resolved([*words, f"steps={STEPS}", "tracking.uri=none"])
    next(train(run))
    began = time.perf_counter()
    steps = sum(int(chunk.lengths.sum()) for chunk in train(run))
    return (time.perf_counter() - began) / steps


def _time(seconds: float) -> str:
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
