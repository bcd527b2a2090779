"""What every peer does, so that their figures can stand side by side, and the line that it prints.

    python NAME.py FOLDER FRACTION

FOLDER: an empty one to write to. FRACTION: of the usual amount of work, 1 in earnest. This module needs
the standard library alone: peers live in environments of their own.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

TIMES = 3
"""How often each thing is measured."""
RUNS = 10
"""Runs of which the overhead is measured."""
KEYS = ("train/return_avg", "train/return_min", "train/return_max", "train/epsilon")
PARAMS = {f"param_{number:02}": str(number / 7) for number in range(30)}
TAGS = {f"tag_{number}": "some text of a usual length" for number in range(10)}
BUCKETS, EPSILON, ALPHA, GAMMA = 20, 0.1, 0.1, 0.95
"""Of the Q-learning that all train: tables, exploration, step size, discount."""

FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
FRACTION = float(sys.argv[2]) if len(sys.argv) > 2 else 1.0


def amount(usual: int) -> int:
    """The asked-for fraction of an amount of work, at least 10."""
    return max(10, round(usual * FRACTION))


def values(step: int) -> dict[str, float]:
    """One point of each of four curves."""
    return {key: -200 + 60 * math.sin(step / 1000 + number) for number, key in enumerate(KEYS)}


def files(count: int = 5) -> list[Path]:
    """Files to keep with a run, of 4 kB each."""
    folder = FOLDER / "files"
    folder.mkdir(exist_ok=True)
    paths = [folder / f"file_{number}.txt" for number in range(count)]
    for path in paths:
        path.write_text("some text " * 400)
    return paths


def size(folder: Path) -> float:
    """Megabytes in the files of a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def timed(work: Callable[[], Any]) -> float:
    """Seconds that a call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def row(table: str, name: str, unit: str, samples: list[float], about: str = "") -> dict[str, Any]:
    """One figure, as `measuring.Row` has it."""
    return {"table": table, "name": name, "unit": unit, "samples": samples, "about": about}


def training(name: str, train: Callable[[], int], about: str = "") -> dict[str, Any]:
    """The row of something that trains and returns how many steps it did; once unmeasured, to compile."""
    train()
    samples = []
    for _ in range(TIMES):
        started = time.perf_counter()
        steps = train()
        samples.append((time.perf_counter() - started) / steps * 1e9)
    return row("training", name, "ns per step", samples, about)


def tracking(
    name: str, log: Callable[[Path, int], Any], steps: int = 25_000, about: str = ""
) -> Iterator[dict[str, Any]]:
    """The rows of something that logs `steps` steps of four curves, all told, below an empty folder."""
    steps, seconds, sizes = amount(steps), [], []
    (FOLDER / "first").mkdir(exist_ok=True)
    log(FOLDER / "first", 10)  # what is done but once is not counted
    for number in range(TIMES):
        folder = FOLDER / f"{name.replace(' ', '_')}-{number}"
        folder.mkdir(parents=True)
        before = size(FOLDER)
        seconds.append(timed(lambda: log(folder, steps)))  # noqa: B023  # called at once
        sizes.append(size(FOLDER) - before)
    points = len(KEYS) * steps
    yield row("tracking", name, "points/s", [points / took for took in seconds], about)
    yield row("tracking", name, "MB for 100,000 points", [s / points * 1e5 for s in sizes], about)


def runs(name: str, one: Callable[[Path, int], Any], about: str = "") -> dict[str, Any]:
    """The row of what a run costs that has 30 params, 10 tags and 5 files, and trains nothing."""
    folder = FOLDER / f"{name.replace(' ', '_')}-runs"
    folder.mkdir(parents=True)
    one(folder, 0)
    count = max(2, round(RUNS * FRACTION))
    samples = [1000 * timed(lambda: one(folder, number)) for number in range(1, count + 1)]  # noqa: B023
    return row("runs", name, "ms per run", samples, about)


def report(*rows: dict[str, Any], versions: dict[str, str]) -> None:
    """Print the line that the benchmark reads."""
    print(json.dumps({"rows": rows, "versions": versions}))
