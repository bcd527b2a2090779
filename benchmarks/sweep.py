"""A sweep of four bucket sizes over many seeds, tracked, beside training alone for the same configs.

Both use two processes. What the sweep takes beyond training and judging is its overhead: for each run,
and split by the marks that a sweep leaves in its folder.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bare_training import BUCKETS
from measuring import Point, Row, qsweep, run, warm_folder

PROCESSES = 2
RUN = "all but training and judging: Hydra, figures and checkpoints, too"
BARE = [sys.executable, str(Path(__file__).with_name("bare_training.py")), str(PROCESSES)]


@dataclass(frozen=True)
class Parts:
    """Seconds of a sweep: until its first run began, from then to the end of its last, after that.

    in_runs: those of its runs, added up.
    """

    before: float
    between: float
    after: float
    in_runs: float


def measure(seeds: int = 25, times: int = 3, episodes: int = 25_000) -> list[Row | Point]:
    """Wall times of both, their ratio, and the overhead per run and its parts, in ms of a core."""
    runs = seeds * len(BUCKETS)
    same = [f"episodes={episodes}"]
    found: dict[tuple[str, str], list[float]] = {}
    with warm_folder() as folder:
        for number in range(times):
            alone = run([*BARE, "0", str(seeds), *same], folder).seconds
            tracked, parts = _sweep(folder, f"sweep{number}", seeds, same)
            spent = json.loads(run([*BARE, "1", str(seeds), *same], folder).output)
            useful = spent["training"] + spent["judging"]
            figures = {
                ("training alone, two bare processes", "s"): alone,
                ("qsweep train -m, tracked", "s"): tracked,
                ("qsweep train -m: its time as a multiple of training alone", "times"): tracked / alone,
                ("overhead of a run", "ms"): 1000 * (PROCESSES * tracked - useful) / runs,
                ("of a run: training", "ms"): 1000 * spent["training"] / runs,
                ("of a run: judging", "ms"): 1000 * spent["judging"] / runs,
            }
            if parts:
                figures |= _overheads(parts, useful, runs)
            for named, value in figures.items():
                found.setdefault(named, []).append(value)
    about = f"{runs:,} runs of {episodes:,} episodes"
    rows: list[Row | Point] = [Row("sweep", *named, tuple(found[named]), about) for named in found]
    overheads = tuple(found["overhead of a run", "ms"])
    return [*rows, Row("runs", "qsweep, a run of a sweep", "ms a run", overheads, RUN)]


def _sweep(folder: Path, name: str, seeds: int, same: list[str]) -> tuple[float, Parts | None]:
    values = [f"buckets={','.join(map(str, BUCKETS))}", f"seed=range({seeds})", *same]
    # Without the runs on fresh seeds that confirm a winner: training alone does not have them either.
    named = [f"sweep.name={name}", "registry.promote=never", f"tracking.experiment={name}"]
    began = time.time()
    seconds = qsweep(folder, "train", "-m", *values, *named).seconds
    return seconds, _parts(folder / "multirun" / name, began, seconds)


def _parts(folder: Path, began: float, seconds: float) -> Parts | None:
    """From when the marks of its runs were written; None where there are none."""
    started = {mark.parent: mark.stat().st_mtime for mark in folder.glob("*/*/started.json")}
    ended = {mark.parent: mark.stat().st_mtime for mark in folder.glob("*/*/ended.json")}
    if not started or started.keys() != ended.keys():
        return None
    first, last = min(started.values()), max(ended.values())
    in_runs = sum(ended[job] - started[job] for job in started)
    return Parts(first - began, last - first, began + seconds - last, in_runs)


def _overheads(parts: Parts, useful: float, runs: int) -> dict[tuple[str, str], float]:
    """Milliseconds of a core for each run, by where they go; they add up to the overhead."""
    seconds = {
        "of that: before the first run": PROCESSES * parts.before,
        "of that: in the run itself": parts.in_runs - useful,
        "of that: between runs": PROCESSES * parts.between - parts.in_runs,
        "of that: after the last run, the report": PROCESSES * parts.after,
    }
    return {(name, "ms"): 1000 * value / runs for name, value in seconds.items()}
