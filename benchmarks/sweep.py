"""A sweep of four bucket sizes over many seeds, tracked, beside training alone for the same configs.

Both use two processes. Training alone is timed before and after the sweep, and the mean counts: the speed of
a machine that others share drifts. What the sweep takes beyond training and evaluation is its overhead: for
each run, and split by when its runs began and ended.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bare_training import BUCKETS
from measuring import Point, Row, qsweep, run, warm_folder

PROCESSES = 2
SAMPLED = 5
"""One seed in so many is evaluated, too, to know what that takes."""
RUN = "everything except training and evaluation: Hydra, figures, checkpoints"
BARE = [sys.executable, str(Path(__file__).with_name("bare_training.py")), str(PROCESSES)]


@dataclass(frozen=True)
class Parts:
    """Seconds of a sweep: until its first run began, from then to the end of its last, after that."""

    before: float
    between: float
    after: float

    @property
    def trained(self) -> float:
        """Seconds until all runs have ended: what follows is the report."""
        return self.before + self.between


@dataclass(frozen=True)
class Bare:
    """Seconds that bare processes took, and those of training and of evaluating, added up over them."""

    seconds: float
    training: float
    evaluating: float


def measure(seeds: int = 250, times: int = 1, episodes: int = 25_000) -> list[Row | Point]:
    """Wall times of both, their ratio, and the overhead per run and its parts, in ms of a core."""
    found: dict[tuple[str, str], list[float]] = {}
    with warm_folder() as folder:
        for number in range(times):
            for named, value in _figures(folder, f"sweep{number}", seeds, [f"episodes={episodes}"]).items():
                found.setdefault(named, []).append(value)
    about = f"{seeds * len(BUCKETS):,} runs of {episodes:,} episodes"
    rows: list[Row | Point] = [Row("sweep", *named, tuple(found[named]), about) for named in found]
    overheads = tuple(found["overhead per run", "ms"])
    return [*rows, Row("runs", "qsweep, one run of a sweep", "ms per run", overheads, RUN)]


def _figures(folder: Path, name: str, seeds: int, same: list[str]) -> dict[tuple[str, str], float]:
    """What is measured once, by name and unit."""
    before = _bare(folder, False, seeds, same)
    tracked, parts = _sweep(folder, name, seeds, same)
    after = _bare(folder, False, seeds, same)
    some, runs = -(-seeds // SAMPLED), seeds * len(BUCKETS)
    alone = (before.seconds + after.seconds) / 2
    training = (before.training + after.training) / 2
    evaluating = _bare(folder, True, some, same).evaluating * seeds / some
    figures = {
        ("training only, two processes", "s"): alone,
        ("training only, after the sweep relative to before", "times"): after.seconds / before.seconds,
        ("qsweep train -m, tracked", "s"): tracked,
        ("qsweep train -m, relative to training only", "times"): tracked / alone,
        ("the same until the last run has ended, without the report", "times"): parts.trained / alone,
        ("overhead per run", "ms"): 1000 * (PROCESSES * tracked - training - evaluating) / runs,
        ("training per run", "ms"): 1000 * training / runs,
        ("evaluation per run", "ms"): 1000 * evaluating / runs,
    }
    return figures | _overheads(parts, training + evaluating, runs)


def _bare(folder: Path, evaluated: bool, seeds: int, same: list[str]) -> Bare:
    ran = run([*BARE, str(int(evaluated)), str(seeds), *same], folder)
    return Bare(ran.seconds, **json.loads(ran.output))


def _sweep(folder: Path, name: str, seeds: int, same: list[str]) -> tuple[float, Parts]:
    values = [f"buckets={','.join(map(str, BUCKETS))}", f"seed=range({seeds})", *same]
    # Without the runs on fresh seeds that confirm a winner: training alone does not have them either.
    named = [f"sweep.name={name}", "registry.promote=never", f"tracking.experiment={name}"]
    began = time.time()
    seconds = qsweep(folder, "train", "-m", *values, *named).seconds
    first, last = _bounds(folder / "mlruns" / "mlflow.db", name, seeds * len(BUCKETS))
    return seconds, Parts(first - began, last - first, began + seconds - last)


def _bounds(database: Path, name: str, runs: int) -> tuple[float, float]:
    """When the first run of an experiment began and the last one ended, in seconds since 1970.

    Raises AssertionError unless all of them have finished.
    """
    query = """SELECT COUNT(*), MIN(start_time), MAX(end_time) FROM runs
        JOIN experiments USING (experiment_id) JOIN tags USING (run_uuid)
        WHERE experiments.name = ? AND key = 'mlflow.parentRunId' AND status = 'FINISHED'"""
    with closing(sqlite3.connect(database)) as connection:
        [(finished, first, last)] = connection.execute(query, (name,))
    assert finished == runs, f"{finished} of {runs} runs finished"
    return first / 1000, last / 1000


def _overheads(parts: Parts, useful: float, runs: int) -> dict[tuple[str, str], float]:
    """Milliseconds of a core for each run, by where they go; they add up to the overhead."""
    seconds = {
        "overhead before the first run": PROCESSES * parts.before,
        "overhead during the runs": PROCESSES * parts.between - useful,
        "overhead after the last run, with the report": PROCESSES * parts.after,
    }
    return {(name, "ms"): 1000 * value / runs for name, value in seconds.items()}
