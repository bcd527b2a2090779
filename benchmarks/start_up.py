"""What a user waits for before anything happens: `--help`, the first episode, a list of 1,000 runs."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from measuring import Point, Row, qsweep, run, warm_folder
from synthetic_store import synthesise

PROBE = str(Path(__file__).with_name("first_episode.py"))


def measure(times: int = 7, runs: int = 1000) -> list[Row | Point]:
    """Seconds of each, in fresh processes."""
    with warm_folder() as folder:
        helped = tuple(qsweep(folder, "--help").seconds for _ in range(times))
        trained = tuple(first_episode(folder, f"seed={seed}") for seed in range(times))
    with tempfile.TemporaryDirectory(prefix="qsweep-bench-") as name:
        folder = Path(name)
        synthesise(folder, runs)
        qsweep(folder, "runs")
        listed = tuple(qsweep(folder, "runs").seconds for _ in range(times))
    return [
        Row("start-up", "qsweep --help", "s", helped),
        Row("start-up", "qsweep train, until the first episodes are trained", "s", trained),
        Row("start-up", f"qsweep runs, on a store of {runs:,} runs", "s", listed),
    ]


def first_episode(folder: Path, *overrides: str) -> float:
    """Seconds from the start of a `qsweep train` to its first trained chunk."""
    started = time.time()
    noted = folder / "first_episode.txt"
    run([sys.executable, PROBE, str(noted), "train", *overrides], folder)
    return float(noted.read_text()) - started
