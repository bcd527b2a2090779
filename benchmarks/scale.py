"""How cost grows: seconds, memory and disk against episodes, checkpoints, buckets, points, runs, workers.

Every point is a `qsweep` process of its own. A store of many runs is made by SQL (`synthetic_store`).
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from measuring import Point, Row, megabytes, qsweep, warm_folder
from synthetic_store import sweep_name, synthesise

ALONE = ("registry.promote=never", "sweep.report=never")
LONG = "episodes of a run"
MEMORY = "memory of a run of {:,} episodes"
TAIL = 3
"""How many of a curve's last points its slope is fitted to: before them, start-up is most of it."""

Command = Callable[[int], Sequence[str]]
TRAINING: dict[str, tuple[str, Sequence[int], Command]] = {
    LONG: (
        "episodes; 1,000 checkpoints at most",
        (1000, 10_000, 100_000, 1_000_000, 10_000_000),
        lambda x: (f"episodes={x}", f"checkpoint_every={max(10, x // 1000)}"),
    ),
    "checkpoints of a run": (
        "checkpoints in 25,000 episodes",
        (10, 100, 1000, 5000, 25_000),
        lambda x: ("episodes=25000", f"checkpoint_every={25_000 // x}"),
    ),
    "buckets of a run": (
        "buckets per dimension; 5,000 episodes, 100 checkpoints",
        (10, 25, 50, 100, 200, 400),
        lambda x: (f"buckets={x}", "episodes=5000", "checkpoint_every=50"),
    ),
    "one point per episode": (
        "episodes with tracking.max_points=0",
        (1000, 10_000, 50_000, 100_000),
        lambda x: (f"episodes={x}", "tracking.max_points=0", "checkpoint_every=1000"),
    ),
    "window": (
        "episodes in the window; 50,000 episodes with tracking.max_points=0",
        (10, 100, 1000, 10_000, 50_000),
        lambda x: ("episodes=50000", "tracking.max_points=0", "checkpoint_every=1000", f"window={x}"),
    ),
    "test episodes": (
        "evaluation.test_episodes",
        (100, 1000, 10_000, 100_000),
        lambda x: (f"evaluation.test_episodes={x}", "episodes=1000"),
    ),
    "runs of a sweep": (
        "runs of 100 episodes",
        (10, 40, 160),
        lambda x: ("-m", f"seed=range({x})", "episodes=100", f"sweep.name=of {x}"),
    ),
    "workers": (
        "joblib workers; 32 runs of 5,000 episodes",
        (1, 2, 4, 16),
        lambda x: (
            "-m",
            "seed=range(32)",
            "episodes=5000",
            f"sweep.name=by {x}",
            f"hydra.launcher.n_jobs={x}",
        ),
    ),
}
"""Curve -> what x is, its values, and what `qsweep train` is told."""
STORES = (10, 100, 1000, 10_000)
MANY = 100_000
"""The largest store, of the thorough measurement only: it takes minutes."""
REPORTS = (10, 100, 1000)
HISTORIES = (25, 250, 2500, 25_000)


def measure(largest: float = math.inf, thorough: bool = False) -> list[Row | Point]:
    """All curves, up to an x of `largest`."""
    points: list[Row | Point] = []
    with warm_folder() as folder:
        for curve, (unit, xs, command) in TRAINING.items():
            found = [train(folder, curve, unit, x, command(x)) for x in xs if x <= largest]
            points += found
            if curve == LONG and found:
                points.append(Row("growth", MEMORY.format(found[-1].x), "MB", (found[-1].memory_mb or 0,)))
    stores = STORES + (MANY,) * thorough
    for runs in (runs for runs in stores if runs <= largest):
        points += of_store(runs)
    points += [of_report("runs in a report", "runs", x, runs=x) for x in REPORTS if x <= largest]
    unit = "points of a curve, of 40 runs"
    points += [of_report("curve points in a report", unit, x, points=x) for x in HISTORIES if x <= largest]
    return points


def train(folder: Path, curve: str, unit: str, x: int, arguments: Sequence[str]) -> Point:
    """What `qsweep train` takes with some arguments."""
    before = megabytes(folder)
    ran = qsweep(folder, "train", *arguments, *ALONE)
    return Point(curve, unit, x, ran.seconds, ran.memory_mb, megabytes(folder) - before)


def of_store(runs: int) -> list[Point]:
    """What is done in a store of so many runs: list them, compare a sweep, train once more."""
    with tempfile.TemporaryDirectory(prefix="qsweep-bench-") as name:
        folder = Path(name)
        synthesise(folder, runs)
        disk, unit = megabytes(folder / "mlruns"), "runs in the store"
        commands = {
            "qsweep runs": ("runs",),
            "qsweep report of 40 runs": ("report", sweep_name(0)),
            "one more qsweep train": ("train", "episodes=1000", *ALONE),
        }
        ran = {curve: qsweep(folder, *arguments) for curve, arguments in commands.items()}
    return [Point(curve, unit, runs, done.seconds, done.memory_mb, disk) for curve, done in ran.items()]


def of_report(curve: str, unit: str, x: int, runs: int = 40, points: int = 25) -> Point:
    """What a report takes over all runs of a store."""
    with tempfile.TemporaryDirectory(prefix="qsweep-bench-") as name:
        folder = Path(name)
        synthesise(folder, runs, points, per_sweep=max(40, runs), episodes=max(2500, points))
        done = qsweep(folder, "report", sweep_name(0), "--out", "report")
        return Point(curve, unit, x, done.seconds, done.memory_mb, megabytes(folder / "report"))


def slope(points: Sequence[Point], cost: Callable[[Point], float | None]) -> float:
    """The exponent of x by which a cost grows at the end of a curve: 0 flat, 1 in proportion, 2 quadratic.

    By least squares in log-log; NaN where the cost was not measured.
    """
    last = sorted(points, key=lambda point: point.x)[-TAIL:]
    costs = [value for point in last if (value := cost(point))]
    if len(costs) < len(last) or len(last) < 2:
        return math.nan
    return float(np.polyfit(np.log([point.x for point in last]), np.log(costs), 1)[0])
